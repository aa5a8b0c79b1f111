-- +goose Up
-- A page of a category costs the same wherever it is, in every order. Programs of before are not disturbed.
CREATE INDEX items_in_category_by_name       ON items (group_key, name_key, id);
CREATE INDEX items_in_category_by_price      ON items (group_key, price, id);
CREATE INDEX items_in_category_by_price_down ON items (group_key, price_down, id);
