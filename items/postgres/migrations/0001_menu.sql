-- +goose Up

-- Ids rise, and are not given out again. A sequence of its own, so that the program can draw an id before it has a row.
CREATE SEQUENCE item_ids;

CREATE TABLE items (
    id          BIGINT PRIMARY KEY,
    name        TEXT   NOT NULL,
    price       BIGINT NOT NULL, -- cents
    description TEXT   NOT NULL,
    image       TEXT   NOT NULL,
    tagline     TEXT   NOT NULL,
    category    TEXT   NOT NULL,
    calories    BIGINT,          -- kilocalories; NULL when unset
    version     BIGINT NOT NULL,
    -- What lists are searched, filtered and sorted by: text without case and accents, made by the program. The keys are
    -- bytes, since the order of text differs from one server to the next.
    search      TEXT   NOT NULL,
    name_key    BYTEA  NOT NULL,
    group_key   BYTEA  NOT NULL, -- of the category
    price_down  BIGINT NOT NULL GENERATED ALWAYS AS (-price) STORED
);
CREATE INDEX items_by_name       ON items (name_key, id);
CREATE INDEX items_by_price      ON items (price, id);
CREATE INDEX items_by_price_down ON items (price_down, id);
CREATE INDEX items_by_category   ON items (group_key, id);

-- The history of the items, and the feed of changes.
CREATE TABLE changes (
    item_id     BIGINT      NOT NULL, -- 0 when many items changed at once
    version     BIGINT      NOT NULL,
    action      TEXT        NOT NULL,
    author      TEXT        NOT NULL, -- the subject of a token
    at          TIMESTAMPTZ NOT NULL,
    before_json TEXT,
    after_json  TEXT,
    -- The place in the feed. NULL for history that was imported, which is no news.
    lane        BIGINT,
    seq         BIGINT,
    PRIMARY KEY (item_id, version)
);
CREATE UNIQUE INDEX changes_in_feed ON changes (lane, seq);

-- The last number of each lane of the feed. A change takes its number by updating this row, and so holds the lane until
-- it has committed: within a lane, numbers rise in the order of commits, without gaps, and a reader that has seen a
-- number has seen all before it. A sequence cannot promise that. The items are spread over several lanes, so that
-- writers of different items seldom wait for each other.
CREATE TABLE lanes (
    lane BIGINT PRIMARY KEY,
    seq  BIGINT NOT NULL
);
INSERT INTO lanes (lane, seq) SELECT lane, 0 FROM generate_series(0, 7) AS lane;

-- Which requests were made under an idempotency key, and what came of them.
CREATE TABLE idempotency_keys (
    id          BYTEA       PRIMARY KEY, -- digest of the subject and the key
    fingerprint BYTEA       NOT NULL, -- of the request
    at          TIMESTAMPTZ NOT NULL,
    item_id     BIGINT      NOT NULL,
    version     BIGINT      NOT NULL
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (at);

-- One row once the default menu was put in, or deliberately left out.
CREATE TABLE seeded (
    once BIGINT PRIMARY KEY CHECK (once = 1)
);
