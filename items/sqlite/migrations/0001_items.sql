-- +goose Up
CREATE TABLE items (
    -- AUTOINCREMENT, so that the id of a deleted item is never given out again.
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT    NOT NULL,
    price       INTEGER NOT NULL, -- cents
    description TEXT    NOT NULL,
    image       TEXT    NOT NULL,
    tagline     TEXT    NOT NULL DEFAULT '',
    category    TEXT    NOT NULL DEFAULT '',
    calories    INTEGER           -- kilocalories; NULL when unset
) STRICT;

-- One row once the default menu was put in, or deliberately left out.
CREATE TABLE seeded (
    once INTEGER PRIMARY KEY CHECK (once = 1)
) STRICT;
