-- +goose Up
ALTER TABLE items ADD COLUMN sold_out INTEGER NOT NULL DEFAULT 0; -- 0 or 1
ALTER TABLE items ADD COLUMN position INTEGER;                    -- NULL when unset
-- The place in the order of the menu. An item without a position has 1,000 times its id. The limit prevents an overflow.
ALTER TABLE items ADD COLUMN menu_key INTEGER GENERATED ALWAYS AS (coalesce(position, 1000 * min(id, 9000000000000000))) VIRTUAL;
CREATE INDEX items_by_menu_key             ON items (menu_key, id);
CREATE INDEX items_in_category_by_menu_key ON items (group_key, menu_key, id) WHERE group_key <> '';

ALTER TABLE changes ADD COLUMN author_name TEXT NOT NULL DEFAULT ''; -- the name in the token, if it has one
ALTER TABLE changes ADD COLUMN batch       TEXT NOT NULL DEFAULT ''; -- the same for all changes of a request that changed several items
CREATE INDEX changes_by_time  ON changes (at, item_id, version) WHERE item_id > 0;
CREATE INDEX changes_by_batch ON changes (batch) WHERE batch <> '';

-- Set if the request changed several items. item_id and version are then 0.
ALTER TABLE idempotency_keys ADD COLUMN batch TEXT NOT NULL DEFAULT '';
