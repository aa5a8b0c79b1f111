CREATE TABLE goose_db_version (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);
CREATE TABLE items (
    -- AUTOINCREMENT, so that the id of a deleted item is never given out again.
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT    NOT NULL,
    price       INTEGER NOT NULL, -- cents
    description TEXT    NOT NULL,
    image       TEXT    NOT NULL,
    tagline     TEXT    NOT NULL DEFAULT '',
    category    TEXT    NOT NULL DEFAULT '',
    calories    INTEGER           -- kilocalories; NULL when unset
, version   INTEGER NOT NULL DEFAULT 1, search    TEXT    NOT NULL DEFAULT '', name_key  TEXT    NOT NULL DEFAULT '', group_key TEXT    NOT NULL DEFAULT '', price_down INTEGER GENERATED ALWAYS AS (-price) VIRTUAL) STRICT;
CREATE TABLE seeded (
    once INTEGER PRIMARY KEY CHECK (once = 1)
) STRICT;
CREATE TABLE changes (
    -- Rises in the order of commits: there is one writer. Below zero for history that was imported, which is no news.
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    item_id     INTEGER NOT NULL, -- 0 when many items changed at once
    version     INTEGER NOT NULL,
    action      TEXT    NOT NULL,
    author      TEXT    NOT NULL, -- the subject of a token
    at          INTEGER NOT NULL, -- milliseconds since 1970, UTC
    before_json TEXT,
    after_json  TEXT
) STRICT;
CREATE TABLE idempotency_keys (
    id          BLOB    NOT NULL PRIMARY KEY, -- digest of the subject and the key
    fingerprint BLOB    NOT NULL, -- of the request
    at          INTEGER NOT NULL,
    item_id     INTEGER NOT NULL,
    version     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO goose_db_version (id, version_id, is_applied, tstamp) VALUES (1, 0, 1, '2026-11-27 09:57:22');
INSERT INTO goose_db_version (id, version_id, is_applied, tstamp) VALUES (2, 1, 1, '2026-11-27 09:57:22');
INSERT INTO goose_db_version (id, version_id, is_applied, tstamp) VALUES (3, 2, 1, '2026-11-27 09:57:22');
INSERT INTO goose_db_version (id, version_id, is_applied, tstamp) VALUES (4, 3, 1, '2026-11-27 09:57:22');
INSERT INTO items (id, name, price, description, image, tagline, category, calories, version, search, name_key, group_key) VALUES (4, 'Burger', 599, 'Tasty', 'https://cdn.auth0.com/blog/whatabyte/burger-sm.png', '', '', NULL, 1, 'burger
tasty

', 'burger', '');
INSERT INTO items (id, name, price, description, image, tagline, category, calories, version, search, name_key, group_key) VALUES (5, 'Pizza', 299, 'Cheesy', 'https://cdn.auth0.com/blog/whatabyte/pizza-sm.png', '', '', NULL, 1, 'pizza
cheesy

', 'pizza', '');
INSERT INTO items (id, name, price, description, image, tagline, category, calories, version, search, name_key, group_key) VALUES (6, 'Tea', 199, 'Informative', 'https://cdn.auth0.com/blog/whatabyte/tea-sm.png', '', '', NULL, 1, 'tea
informative

', 'tea', '');
INSERT INTO items (id, name, price, description, image, tagline, category, calories, version, search, name_key, group_key) VALUES (7, 'Crème "d''été"', 550, 'one
two', 'https://example.com/soup.png', '寿司 🍣', 'Entrées', 0, 5, 'creme "d''ete"
one
two
寿司 🍣
entrees', 'creme "d''ete"', 'entrees');
INSERT INTO items (id, name, price, description, image, tagline, category, calories, version, search, name_key, group_key) VALUES (20, 'Imported', 800, '', '', 'Changed here', '', NULL, 3, 'imported

changed here
', 'imported', '');
INSERT INTO items (id, name, price, description, image, tagline, category, calories, version, search, name_key, group_key) VALUES (22, 'Imported without a history', 0, '', '', '', '', NULL, 1, 'imported without a history


', 'imported without a history', '');
INSERT INTO seeded (once) VALUES (1);
INSERT INTO changes (seq, item_id, version, action, author, at, before_json, after_json) VALUES (-3298534883325, 22, 1, 'create', 'menu-api', 1772366412340, NULL, '{"id":22,"name":"Imported without a history","price":0,"description":"","image":""}');
INSERT INTO changes (seq, item_id, version, action, author, at, before_json, after_json) VALUES (-3298534883324, 20, 1, 'create', 'before', 1772280011106, NULL, '{"id":20,"name":"Imported","price":7,"description":"","image":""}');
INSERT INTO changes (seq, item_id, version, action, author, at, before_json, after_json) VALUES (-3298534883323, 20, 2, 'update', 'before', 1772283611106, '{"id":20,"name":"Imported","price":7,"description":"","image":""}', '{"id":20,"name":"Imported","price":8,"description":"","image":""}');
INSERT INTO changes (seq, item_id, version, action, author, at, before_json, after_json) VALUES (-3298534883322, 21, 1, 'create', 'before', 1772280011106, NULL, '{"id":21,"name":"Imported and deleted","price":0,"description":"","image":""}');
INSERT INTO changes (seq, item_id, version, action, author, at, before_json, after_json) VALUES (-3298534883321, 21, 2, 'delete', 'before', 1772283611106, '{"id":21,"name":"Imported and deleted","price":0,"description":"","image":""}', NULL);
INSERT INTO changes (seq, item_id, version, action, author, at, before_json, after_json) VALUES (-2199023255550, 4, 1, 'create', 'auth0|chef', 1772366402468, NULL, '{"id":4,"name":"Burger","price":5.99,"description":"Tasty","image":"https://cdn.auth0.com/blog/whatabyte/burger-sm.png"}');
INSERT INTO changes (seq, item_id, version, action, author, at, before_json, after_json) VALUES (-2199023255549, 5, 1, 'create', 'auth0|chef', 1772366402468, NULL, '{"id":5,"name":"Pizza","price":2.99,"description":"Cheesy","image":"https://cdn.auth0.com/blog/whatabyte/pizza-sm.png"}');
INSERT INTO changes (seq, item_id, version, action, author, at, before_json, after_json) VALUES (-2199023255548, 6, 1, 'create', 'auth0|chef', 1772366402468, NULL, '{"id":6,"name":"Tea","price":1.99,"description":"Informative","image":"https://cdn.auth0.com/blog/whatabyte/tea-sm.png"}');
INSERT INTO changes (seq, item_id, version, action, author, at, before_json, after_json) VALUES (-1099511627775, 1, 2, 'delete', 'auth0|chef', 1772366402468, '{"id":1,"name":"Burger","price":5.99,"description":"Tasty","image":"https://cdn.auth0.com/blog/whatabyte/burger-sm.png"}', NULL);
INSERT INTO changes (seq, item_id, version, action, author, at, before_json, after_json) VALUES (-1099511627774, 2, 2, 'delete', 'auth0|chef', 1772366402468, '{"id":2,"name":"Pizza","price":2.99,"description":"Cheesy","image":"https://cdn.auth0.com/blog/whatabyte/pizza-sm.png"}', NULL);
INSERT INTO changes (seq, item_id, version, action, author, at, before_json, after_json) VALUES (-1099511627773, 3, 2, 'delete', 'auth0|chef', 1772366402468, '{"id":3,"name":"Tea","price":1.99,"description":"Informative","image":"https://cdn.auth0.com/blog/whatabyte/tea-sm.png"}', NULL);
INSERT INTO changes (seq, item_id, version, action, author, at, before_json, after_json) VALUES (1, 1, 1, 'create', 'menu-api', 1772366401234, NULL, '{"id":1,"name":"Burger","price":5.99,"description":"Tasty","image":"https://cdn.auth0.com/blog/whatabyte/burger-sm.png"}');
INSERT INTO changes (seq, item_id, version, action, author, at, before_json, after_json) VALUES (2, 2, 1, 'create', 'menu-api', 1772366401234, NULL, '{"id":2,"name":"Pizza","price":2.99,"description":"Cheesy","image":"https://cdn.auth0.com/blog/whatabyte/pizza-sm.png"}');
INSERT INTO changes (seq, item_id, version, action, author, at, before_json, after_json) VALUES (3, 3, 1, 'create', 'menu-api', 1772366401234, NULL, '{"id":3,"name":"Tea","price":1.99,"description":"Informative","image":"https://cdn.auth0.com/blog/whatabyte/tea-sm.png"}');
INSERT INTO changes (seq, item_id, version, action, author, at, before_json, after_json) VALUES (4, 0, 1, 'import', 'auth0|chef', 1772366402468, NULL, NULL);
INSERT INTO changes (seq, item_id, version, action, author, at, before_json, after_json) VALUES (5, 7, 1, 'create', 'auth0|chef', 1772366403702, NULL, '{"id":7,"name":"Crème \"d''été\"","price":4.5,"description":"one\ntwo","image":"https://example.com/soup.png","tagline":"寿司 🍣","category":"Entrées","calories":0}');
INSERT INTO changes (seq, item_id, version, action, author, at, before_json, after_json) VALUES (6, 7, 2, 'update', 'auth0|waiter', 1772366404936, '{"id":7,"name":"Crème \"d''été\"","price":4.5,"description":"one\ntwo","image":"https://example.com/soup.png","tagline":"寿司 🍣","category":"Entrées","calories":0}', '{"id":7,"name":"Crème \"d''été\"","price":5,"description":"one\ntwo","image":"https://example.com/soup.png","tagline":"寿司 🍣","category":"Entrées","calories":0}');
INSERT INTO changes (seq, item_id, version, action, author, at, before_json, after_json) VALUES (7, 7, 3, 'update', 'auth0|waiter', 1772366406170, '{"id":7,"name":"Crème \"d''été\"","price":5,"description":"one\ntwo","image":"https://example.com/soup.png","tagline":"寿司 🍣","category":"Entrées","calories":0}', '{"id":7,"name":"Crème \"d''été\"","price":5.5,"description":"one\ntwo","image":"https://example.com/soup.png","tagline":"寿司 🍣","category":"Entrées","calories":0}');
INSERT INTO changes (seq, item_id, version, action, author, at, before_json, after_json) VALUES (8, 7, 4, 'delete', 'auth0|chef', 1772366407404, '{"id":7,"name":"Crème \"d''été\"","price":5.5,"description":"one\ntwo","image":"https://example.com/soup.png","tagline":"寿司 🍣","category":"Entrées","calories":0}', NULL);
INSERT INTO changes (seq, item_id, version, action, author, at, before_json, after_json) VALUES (9, 7, 5, 'restore', 'auth0|chef', 1772366408638, NULL, '{"id":7,"name":"Crème \"d''été\"","price":5.5,"description":"one\ntwo","image":"https://example.com/soup.png","tagline":"寿司 🍣","category":"Entrées","calories":0}');
INSERT INTO changes (seq, item_id, version, action, author, at, before_json, after_json) VALUES (10, 8, 1, 'create', 'auth0|chef', 1772366409872, NULL, '{"id":8,"name":"Gone","price":0.01,"description":"","image":""}');
INSERT INTO changes (seq, item_id, version, action, author, at, before_json, after_json) VALUES (11, 8, 2, 'delete', 'auth0|waiter', 1772366411106, '{"id":8,"name":"Gone","price":0.01,"description":"","image":""}', NULL);
INSERT INTO changes (seq, item_id, version, action, author, at, before_json, after_json) VALUES (12, 0, 2, 'import', 'menu-api', 1772366412340, NULL, NULL);
INSERT INTO changes (seq, item_id, version, action, author, at, before_json, after_json) VALUES (13, 20, 3, 'update', 'auth0|chef', 1772366413574, '{"id":20,"name":"Imported","price":8,"description":"","image":""}', '{"id":20,"name":"Imported","price":8,"description":"","image":"","tagline":"Changed here"}');
INSERT INTO idempotency_keys (id, fingerprint, at, item_id, version) VALUES (X'86EF50FD8498C42FAB1FF92FB1E91A207A736493991A46DEBE60DBDB949688CD', X'0100000000000000000000000000000000000000000000000000000000000000', 1772366408638, 7, 5);
INSERT INTO idempotency_keys (id, fingerprint, at, item_id, version) VALUES (X'CEA5D4C60350220F2A4CC10FCF42E7581CB0ACC252E96AA945187C0848D83997', X'0100000000000000000000000000000000000000000000000000000000000000', 1772366403702, 7, 1);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence (name, seq) VALUES ('goose_db_version', 4);
INSERT INTO sqlite_sequence (name, seq) VALUES ('items', 22);
INSERT INTO sqlite_sequence (name, seq) VALUES ('changes', 13);
CREATE INDEX items_by_name     ON items (name_key, id);
CREATE INDEX items_by_price    ON items (price, id);
CREATE INDEX items_by_price_down ON items (price_down, id);
CREATE INDEX items_by_category ON items (group_key, id) WHERE group_key <> '';
CREATE UNIQUE INDEX changes_of_item ON changes (item_id, version);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (at);
CREATE INDEX items_in_category_by_name       ON items (group_key, name_key, id)   WHERE group_key <> '';
CREATE INDEX items_in_category_by_price      ON items (group_key, price, id)      WHERE group_key <> '';
CREATE INDEX items_in_category_by_price_down ON items (group_key, price_down, id) WHERE group_key <> '';
