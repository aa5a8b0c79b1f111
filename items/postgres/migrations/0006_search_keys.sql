-- +goose Up
-- The version of the item for which this version of the program made search, name_key and group_key. If it is another
-- version, the keys may be out of date: after this migration, and after a write of an older version of the program.
ALTER TABLE items ADD COLUMN keys_of BIGINT NOT NULL DEFAULT 0;
