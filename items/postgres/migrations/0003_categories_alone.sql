-- +goose Up
-- Most items need no category, and then no place in the indexes by category. They were a third of what a write costs.
DROP INDEX items_by_category;
DROP INDEX items_in_category_by_name;
DROP INDEX items_in_category_by_price;
DROP INDEX items_in_category_by_price_down;
CREATE INDEX items_by_category               ON items (group_key, id)             WHERE group_key <> '';
CREATE INDEX items_in_category_by_name       ON items (group_key, name_key, id)   WHERE group_key <> '';
CREATE INDEX items_in_category_by_price      ON items (group_key, price, id)      WHERE group_key <> '';
CREATE INDEX items_in_category_by_price_down ON items (group_key, price_down, id) WHERE group_key <> '';
