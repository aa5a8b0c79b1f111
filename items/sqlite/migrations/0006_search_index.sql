-- +goose Up
-- The trigrams of items.search. The index keeps no text, so an entry can be replaced or deleted without the old text.
CREATE VIRTUAL TABLE search_index USING fts5 (
    search, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram case_sensitive 1'
);

-- The version of the item for which this version of the program made search, name_key and group_key, and the entry in
-- search_index. If it is another version, all that is out of date. So every item is out of date after this migration, and
-- so is an item that an older version of the program writes.
ALTER TABLE items ADD COLUMN indexed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX items_not_indexed ON items (id) WHERE indexed <> version;

-- For a program that changes the text and not the version.
CREATE TRIGGER items_search_changed AFTER UPDATE OF search ON items
WHEN new.indexed = old.indexed AND new.search <> old.search
BEGIN
    UPDATE items SET indexed = 0 WHERE id = new.id;
END;
