-- +goose Up
-- One row: the oldest version of the schema that a program must know to use this database. A program accepts a newer schema
-- than its own unless this excludes it (see items/schema).
CREATE TABLE compatibility (
    oldest INTEGER NOT NULL
) STRICT;
INSERT INTO compatibility (oldest) VALUES (8);
