-- +goose Up
-- The feed of changes becomes one sequence, and a change keeps only the state after it. An older version of the program
-- that still runs cannot write: each of its writes fails as a whole, because it names lanes or before_json.

-- The order of the old program's locks prevents a deadlock.
LOCK TABLE items, lanes, changes IN ACCESS EXCLUSIVE MODE;

-- These changes were only in the feed, which starts again.
DELETE FROM changes WHERE item_id = 0;

-- Imported history may have gaps. The state before a gap becomes a change, so that it is not lost.
INSERT INTO changes (item_id, version, action, author, at, after_json)
SELECT c.item_id, c.version - 1, CASE WHEN c.version > 2 THEN 'update' ELSE 'create' END, c.author, c.at, c.before_json
FROM changes c
WHERE c.before_json IS NOT NULL AND c.version > 1
ON CONFLICT DO NOTHING;

DROP TABLE lanes;
ALTER TABLE changes
    DROP COLUMN lane,
    DROP COLUMN seq,
    DROP COLUMN before_json,
    -- The place in the feed. NULL for changes that are not in the feed: imported history, and changes from before this migration.
    ADD COLUMN number BIGINT;
CREATE UNIQUE INDEX changes_by_number ON changes (number) WHERE number IS NOT NULL;

-- A write draws its number while it holds a lock until its commit, so numbers rise in the order of commits.
CREATE SEQUENCE change_numbers;

-- One row: which feed this is. Numbers of different feeds cannot be compared.
CREATE TABLE feed (
    once BIGINT PRIMARY KEY DEFAULT 1 CHECK (once = 1),
    id   TEXT NOT NULL DEFAULT replace(gen_random_uuid()::text, '-', '')
);
INSERT INTO feed DEFAULT VALUES;
