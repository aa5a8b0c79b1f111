-- +goose Up
ALTER TABLE items
    ADD COLUMN sold_out BOOLEAN NOT NULL DEFAULT false,
    ADD COLUMN position BIGINT, -- NULL when unset
    -- The place in the order of the menu. An item without a position has 1,000 times its id. The limit prevents an overflow.
    ADD COLUMN menu_key BIGINT NOT NULL GENERATED ALWAYS AS (coalesce(position, 1000 * least(id, 9000000000000000))) STORED;
CREATE INDEX items_by_menu_key             ON items (menu_key, id);
CREATE INDEX items_in_category_by_menu_key ON items (group_key, menu_key, id) WHERE group_key <> '';

ALTER TABLE changes
    ADD COLUMN author_name TEXT NOT NULL DEFAULT '', -- the name in the token, if it has one
    ADD COLUMN batch       TEXT NOT NULL DEFAULT ''; -- the same for all changes of a request that changed several items
-- A page key of the history has milliseconds, so the times of changes must not have more.
UPDATE changes SET at = date_trunc('milliseconds', at) WHERE at <> date_trunc('milliseconds', at);
CREATE INDEX changes_by_time  ON changes (at, item_id, version) WHERE item_id > 0;
CREATE INDEX changes_by_batch ON changes (batch) WHERE batch <> '';

-- Set if the request changed several items. item_id and version are then 0.
ALTER TABLE idempotency_keys ADD COLUMN batch TEXT NOT NULL DEFAULT '';
