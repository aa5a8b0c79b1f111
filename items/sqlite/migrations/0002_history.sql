-- +goose Up
ALTER TABLE items ADD COLUMN version   INTEGER NOT NULL DEFAULT 1;
-- What lists are searched, filtered and sorted by: text without case and accents, made by the program.
ALTER TABLE items ADD COLUMN search    TEXT    NOT NULL DEFAULT '';
ALTER TABLE items ADD COLUMN name_key  TEXT    NOT NULL DEFAULT '';
ALTER TABLE items ADD COLUMN group_key TEXT    NOT NULL DEFAULT ''; -- of the category
ALTER TABLE items ADD COLUMN price_down INTEGER GENERATED ALWAYS AS (-price) VIRTUAL;

CREATE INDEX items_by_name     ON items (name_key, id);
CREATE INDEX items_by_price    ON items (price, id);
CREATE INDEX items_by_price_down ON items (price_down, id);
CREATE INDEX items_by_category ON items (group_key, id) WHERE group_key <> '';

-- The history of the items, and the feed of changes.
CREATE TABLE changes (
    -- Rises in the order of commits: there is one writer. Below zero for history that was imported, which is no news.
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    item_id     INTEGER NOT NULL, -- 0 when many items changed at once
    version     INTEGER NOT NULL,
    action      TEXT    NOT NULL,
    author      TEXT    NOT NULL, -- the subject of a token
    at          INTEGER NOT NULL, -- milliseconds since 1970, UTC
    before_json TEXT,
    after_json  TEXT
) STRICT;
CREATE UNIQUE INDEX changes_of_item ON changes (item_id, version);

-- Which requests were made under an idempotency key, and what came of them.
CREATE TABLE idempotency_keys (
    id          BLOB    NOT NULL PRIMARY KEY, -- digest of the subject and the key
    fingerprint BLOB    NOT NULL, -- of the request
    at          INTEGER NOT NULL,
    item_id     INTEGER NOT NULL,
    version     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (at);
