-- +goose Up
-- The state before a change is the state after the previous one. Without the column, a write of an older version of the
-- program fails as a whole instead of leaving out what this version records.
ALTER TABLE changes DROP COLUMN before_json;

-- One row: the id of the change feed. It changes when the database is replaced.
CREATE TABLE feed (
    id TEXT NOT NULL
) STRICT;
INSERT INTO feed (id) VALUES (lower(hex(randomblob(8))));
