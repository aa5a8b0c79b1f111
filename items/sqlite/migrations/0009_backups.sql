-- +goose Up
-- One row after the first backup: when the newest backup was made, in milliseconds since 1970.
CREATE TABLE backups (
    once INTEGER PRIMARY KEY CHECK (once = 1),
    at   INTEGER NOT NULL
) STRICT;
