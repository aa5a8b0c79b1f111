-- +goose Up
-- The highest number of a change that was deleted because of HISTORY_RETENTION. A reader that stopped below it has missed changes.
ALTER TABLE feed ADD COLUMN pruned BIGINT NOT NULL DEFAULT 0;
