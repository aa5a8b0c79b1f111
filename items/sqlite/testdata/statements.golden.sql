SELECT 0, item_id, version, action, author, author_name, at, batch, after_json, NULL
FROM changes WHERE item_id > 0 ORDER BY item_id, version;

DELETE FROM items;

DELETE FROM changes;

DELETE FROM idempotency_keys;

UPDATE feed SET id = lower(hex(randomblob(8))), pruned = 0;

SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'items' AND sql IS NOT NULL;

SELECT EXISTS (SELECT 1 FROM items);

INSERT INTO changes (seq, item_id, version, action, author, author_name, at, batch)
SELECT (SELECT min(0, coalesce(min(seq), 0)) FROM changes) - @reserved + row_number() OVER (ORDER BY id),
	id, version + 1, 'delete', @author, @author_name, @at, @batch
FROM items;

SELECT EXISTS (SELECT 1 FROM seeded);

INSERT OR IGNORE INTO seeded (once) VALUES (1);

SELECT coalesce(max(version), 0) FROM changes WHERE item_id = @id;

SELECT max(
	coalesce((SELECT max(item_id) FROM changes), 0),
	coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'items'), 0));

SELECT min(0, coalesce(min(seq), 0)) - @reserved FROM changes;

WITH ends AS (
	SELECT item_id, min(version) AS first, max(version) AS last, count(*) AS n FROM changes WHERE item_id > 0 GROUP BY item_id
)
SELECT coalesce(min(id), 0) FROM (
	SELECT i.id FROM items i LEFT JOIN ends e ON e.item_id = i.id WHERE e.last IS NOT i.version
	UNION ALL
	SELECT item_id FROM ends WHERE n <> last - first + 1
	UNION ALL
	SELECT e.item_id FROM ends e JOIN changes c ON c.item_id = e.item_id AND c.version = e.first WHERE c.action = 'delete'
	UNION ALL
	SELECT e.item_id FROM ends e JOIN changes c ON c.item_id = e.item_id AND c.version = e.last
	WHERE (c.action = 'delete') = EXISTS (SELECT 1 FROM items WHERE id = e.item_id)
);

UPDATE sqlite_sequence SET seq = max(seq, (SELECT coalesce(max(item_id), 0) FROM changes)) WHERE name = 'items';

INSERT INTO sqlite_sequence (name, seq)
SELECT 'items', (SELECT coalesce(max(item_id), 0) FROM changes)
WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'items');

INSERT INTO changes (item_id, version, action, author, at)
SELECT 0, coalesce(max(version), 0) + 1, 'import', @author, @at FROM changes WHERE item_id = 0;

DELETE FROM idempotency_keys WHERE id IN (SELECT id FROM idempotency_keys WHERE at <= @expired LIMIT @limit);

SELECT seq, at, item_id, version,
	EXISTS (
		SELECT 1 FROM changes later WHERE later.item_id = c.item_id AND later.version > c.version
			AND NOT (later.version = c.version + 1 AND later.action = 'delete'))
	AND NOT EXISTS (
		SELECT 1 FROM changes earlier WHERE earlier.item_id = c.item_id AND earlier.version < c.version AND earlier.at >= @before)
FROM changes c
WHERE item_id > 0 AND at < @before AND (at, item_id, version) > (@at, @item_id, @version)
ORDER BY at, item_id, version
LIMIT @limit;

DELETE FROM changes WHERE seq IN (SELECT value FROM json_each(@seqs));

SELECT seq FROM changes WHERE item_id = 0 AND at < @before AND seq < (SELECT max(seq) FROM changes);

UPDATE feed SET pruned = max(pruned, @pruned);

DELETE FROM idempotency_keys AS k
WHERE EXISTS (SELECT 1 FROM changes c WHERE c.item_id = k.item_id AND c.version = k.version AND c.author = @subject)
	OR k.batch <> '' AND EXISTS (SELECT 1 FROM changes c WHERE c.batch = k.batch AND c.batch <> '' AND c.author = @subject);

SELECT seq FROM changes WHERE seq > @after AND author = @subject ORDER BY seq LIMIT @limit;

UPDATE changes SET author = @erased, author_name = '' WHERE seq IN (SELECT value FROM json_each(@seqs));

SELECT
	(SELECT count(*) FROM (SELECT 1 FROM items WHERE indexed <> version LIMIT @enough)),
	(SELECT count(*) FROM (SELECT 1 FROM search_index WHERE search_index MATCH @trigrams LIMIT @enough));

WITH page AS MATERIALIZED (
	SELECT id FROM {source}
	ORDER BY {order} LIMIT @limit
)
SELECT id, version, name, price, description, image, tagline, category, calories, sold_out, position FROM items WHERE id IN page ORDER BY {order};

INSERT OR REPLACE INTO search_index (rowid, search)
SELECT id, search FROM items WHERE id IN (SELECT value FROM json_each(@ids));

INSERT INTO search_index (search_index, rank) VALUES ('automerge', 0);

INSERT INTO search_index (search_index, rank) VALUES ('merge', @pages);

DELETE FROM search_index WHERE rowid = @id;

INSERT INTO search_index (search_index) VALUES ('delete-all');

SELECT EXISTS (SELECT 1 FROM items WHERE indexed <> version);

SELECT id, version, name, price, description, image, tagline, category, calories, sold_out, position FROM items WHERE indexed <> version ORDER BY id LIMIT @limit;

UPDATE items SET indexed = version
WHERE id = @id AND search = @search AND name_key = @name_key AND group_key = @group_key;

UPDATE items SET search = @search, name_key = @name_key, group_key = @group_key, indexed = version WHERE id = @id;

SELECT id, version, name, price, description, image, tagline, category, calories, sold_out, position FROM items;

WITH RECURSIVE keys (key) AS (
	SELECT * FROM (SELECT group_key FROM items WHERE group_key <> '' ORDER BY group_key LIMIT 1) AS first
	UNION ALL
	SELECT (SELECT group_key FROM items WHERE group_key > key AND group_key <> '' ORDER BY group_key LIMIT 1)
	FROM keys WHERE key IS NOT NULL
), chosen AS (SELECT key FROM keys WHERE key IS NOT NULL LIMIT @limit)
SELECT (SELECT category FROM items WHERE group_key = key AND group_key <> '' ORDER BY id LIMIT 1) FROM chosen ORDER BY key;

SELECT id, version, name, price, description, image, tagline, category, calories, sold_out, position FROM items WHERE id = @id;

INSERT INTO items (id, version, name, price, description, image, tagline, category, calories, sold_out, position, search, name_key, group_key, indexed)
VALUES (nullif(@id, 0), @version, @name, @price, @description, @image, @tagline, @category, @calories, @sold_out, @position, @search, @name_key, @group_key, @indexed);

UPDATE items
SET version = @version, name = @name, price = @price, description = @description, image = @image, tagline = @tagline, category = @category, calories = @calories, sold_out = @sold_out, position = @position, search = @search, name_key = @name_key, group_key = @group_key, indexed = @version
WHERE id = @id;

DELETE FROM items WHERE id = @id;

INSERT INTO changes (seq, item_id, version, action, author, author_name, at, batch, after_json)
VALUES (@seq, @item_id, @version, @action, @author, @author_name, @at, @batch, @after);

SELECT 0, c.item_id, c.version, c.action, c.author, c.author_name, c.at, c.batch, c.after_json, previous.after_json
FROM changes c LEFT JOIN changes previous ON previous.item_id = c.item_id AND previous.version = c.version - 1
WHERE c.item_id = @id AND c.version < @before
ORDER BY c.version DESC LIMIT @limit;

SELECT 0, c.item_id, c.version, c.action, c.author, c.author_name, c.at, c.batch, c.after_json, previous.after_json
FROM changes c LEFT JOIN changes previous ON previous.item_id = c.item_id AND previous.version = c.version - 1
WHERE c.item_id > 0 AND (c.at, c.item_id, c.version) < (@at, @id, @version)
ORDER BY c.at DESC, c.item_id DESC, c.version DESC LIMIT @limit;

SELECT EXISTS (SELECT 1 FROM changes WHERE item_id = @id);

SELECT seq, item_id, version, action, author, author_name, at, batch, after_json, NULL
FROM changes WHERE seq > @after ORDER BY seq LIMIT @limit;

SELECT id, (SELECT max(0, coalesce(max(seq), 0)) FROM changes), pruned FROM feed;

SELECT k.fingerprint, c.item_id, c.version, c.after_json
FROM idempotency_keys k LEFT JOIN changes c ON c.item_id = k.item_id AND c.version = k.version
WHERE k.id = @id AND k.at > @expired AND k.batch = ''
UNION ALL
SELECT k.fingerprint, c.item_id, c.version, c.after_json
FROM idempotency_keys k LEFT JOIN changes c ON c.batch = k.batch AND c.batch <> ''
WHERE k.id = @id AND k.at > @expired AND k.batch <> ''
ORDER BY 2;

INSERT OR REPLACE INTO idempotency_keys (id, fingerprint, at, item_id, version, batch)
VALUES (@id, @fingerprint, @at, @item_id, @version, @batch);

SELECT id, version, name, price, description, image, tagline, category, calories, sold_out, position FROM items WHERE true AND group_key = @category AND group_key <> '' AND id > @after_id ORDER BY id LIMIT @limit;

SELECT id, version, name, price, description, image, tagline, category, calories, sold_out, position FROM items WHERE true AND group_key = @category AND group_key <> '' AND (name_key, id) > (@after_name, @after_id) ORDER BY name_key, id LIMIT @limit;

SELECT id, version, name, price, description, image, tagline, category, calories, sold_out, position FROM items WHERE true AND group_key = @category AND group_key <> '' AND (price, id) > (@after_price, @after_id) ORDER BY price, id LIMIT @limit;

SELECT id, version, name, price, description, image, tagline, category, calories, sold_out, position FROM items WHERE true AND group_key = @category AND group_key <> '' AND (price_down, id) > (-@after_price, @after_id) ORDER BY price_down, id LIMIT @limit;

SELECT id, version, name, price, description, image, tagline, category, calories, sold_out, position FROM items WHERE true AND group_key = @category AND group_key <> '' AND (menu_key, id) > (@after_menu, @after_id) ORDER BY menu_key, id LIMIT @limit;

WITH page AS MATERIALIZED (
	SELECT id FROM items NOT INDEXED WHERE true AND group_key = @category AND group_key <> '' AND (name_key, id) > (@after_name, @after_id) AND id IN (
	SELECT rowid FROM search_index WHERE search_index MATCH @trigrams
	UNION ALL
	SELECT id FROM items WHERE indexed <> version) AND instr(search, @word0) > 0 AND instr(search, @word1) > 0
	ORDER BY name_key, id LIMIT @limit
)
SELECT id, version, name, price, description, image, tagline, category, calories, sold_out, position FROM items WHERE id IN page ORDER BY name_key, id;

WITH page AS MATERIALIZED (
	SELECT id FROM (SELECT id AS walked FROM items WHERE true AND group_key = @category AND group_key <> '' AND (name_key, id) > (@after_name, @after_id) ORDER BY name_key, id LIMIT @walked) CROSS JOIN items ON id = walked
	WHERE walked IN (
	SELECT rowid FROM search_index WHERE search_index MATCH @trigrams
	UNION ALL
	SELECT id FROM items WHERE indexed <> version) AND instr(search, @word0) > 0 AND instr(search, @word1) > 0
	ORDER BY name_key, id LIMIT @limit
)
SELECT id, version, name, price, description, image, tagline, category, calories, sold_out, position FROM items WHERE id IN page ORDER BY name_key, id;

WITH page AS MATERIALIZED (
	SELECT id FROM (SELECT * FROM items WHERE true AND group_key = @category AND group_key <> '' AND (name_key, id) > (@after_name, @after_id) ORDER BY name_key, id LIMIT @walked) WHERE instr(search, @word0) > 0 AND instr(search, @word1) > 0
	ORDER BY name_key, id LIMIT @limit
)
SELECT id, version, name, price, description, image, tagline, category, calories, sold_out, position FROM items WHERE id IN page ORDER BY name_key, id;

SELECT count(*) FROM (SELECT 1 FROM items WHERE true AND group_key = @category AND group_key <> '' AND (name_key, id) > (@after_name, @after_id) ORDER BY name_key, id LIMIT @walked);

WITH page AS MATERIALIZED (
	SELECT id FROM items WHERE true AND group_key = @category AND group_key <> '' AND (name_key, id) > (@after_name, @after_id) AND instr(search, @word0) > 0 AND instr(search, @word1) > 0
	ORDER BY name_key, id LIMIT @limit
)
SELECT id, version, name, price, description, image, tagline, category, calories, sold_out, position FROM items WHERE id IN page ORDER BY name_key, id;

