-- +goose Up
-- A page of a category costs the same wherever it is, in every order.
CREATE INDEX items_in_category_by_name       ON items (group_key, name_key, id)   WHERE group_key <> '';
CREATE INDEX items_in_category_by_price      ON items (group_key, price, id)      WHERE group_key <> '';
CREATE INDEX items_in_category_by_price_down ON items (group_key, price_down, id) WHERE group_key <> '';
