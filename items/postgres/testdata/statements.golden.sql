WITH RECURSIVE keys (key) AS (
	SELECT * FROM (SELECT group_key FROM items WHERE group_key <> '' ORDER BY group_key LIMIT 1) AS first
	UNION ALL
	SELECT (SELECT group_key FROM items WHERE group_key > key AND group_key <> '' ORDER BY group_key LIMIT 1)
	FROM keys WHERE key IS NOT NULL
), chosen AS (SELECT key FROM keys WHERE key IS NOT NULL LIMIT @limit)
SELECT (SELECT category FROM items WHERE group_key = key AND group_key <> '' ORDER BY id LIMIT 1) FROM chosen ORDER BY key;

SELECT id, version, name, price, description, image, tagline, category, calories, sold_out, position FROM items WHERE id = @id;

SELECT c.item_id, c.version, c.action, c.author, c.author_name, c.at, c.batch, c.after_json, previous.after_json AS before_json
FROM changes c
LEFT JOIN changes previous ON previous.item_id = c.item_id AND previous.version = c.version - 1
WHERE c.item_id = @id AND c.version < @before
ORDER BY c.version DESC
LIMIT @limit;

SELECT EXISTS (SELECT 1 FROM changes WHERE item_id = @id);

WITH new AS (
	SELECT nextval('item_ids') AS new_id, given.*
	FROM unnest(@name::text[], @price::bigint[], @description::text[], @image::text[], @tagline::text[], @category::text[], @calories::bigint[], @sold_out::boolean[], @position::bigint[], @search::text[], @name_key::bytea[], @group_key::bytea[], @by::text[], @by_name::text[], @at::timestamptz[], @after::text[])
		WITH ORDINALITY AS given (name, price, description, image, tagline, category, calories, sold_out, position, search, name_key, group_key, author, author_name, at, after_json, place)
), item AS (
	INSERT INTO items (id, version, name, price, description, image, tagline, category, calories, sold_out, position, search, name_key, group_key, keys_of)
	SELECT new_id, 1, name, price, description, image, tagline, category, calories, sold_out, position, search, name_key, group_key, 1 FROM new
	ON CONFLICT DO NOTHING
	RETURNING id AS item_id
), change AS (
	INSERT INTO changes (item_id, version, number, action, author, author_name, at, after_json)
	SELECT item_id, 1, nextval('change_numbers'), 'create', author, author_name, at, after_json FROM new JOIN item ON item_id = new_id
	RETURNING item_id
)
SELECT place, item_id FROM new JOIN change ON item_id = new_id;

WITH new AS (
	SELECT coalesce(@id::bigint, nextval('item_ids')) AS id
), item AS (
	INSERT INTO items (id, version, name, price, description, image, tagline, category, calories, sold_out, position, search, name_key, group_key, keys_of)
	SELECT id, @version::bigint + 1, @name, @price, @description, @image, @tagline, @category, @calories, @sold_out, @position, @search, @name_key, @group_key, @version::bigint + 1
	FROM new
	WHERE NOT EXISTS (SELECT 1 FROM changes WHERE item_id = new.id AND version > @version::bigint)
		AND NOT EXISTS (SELECT 1 FROM idempotency_keys k WHERE k.id = @key::bytea AND k.at > @expired)
	ON CONFLICT DO NOTHING
	RETURNING id, version
), key AS (
	INSERT INTO idempotency_keys (id, fingerprint, at, item_id, version)
	SELECT @key::bytea, @fingerprint, @at, id, version FROM item WHERE @key::bytea IS NOT NULL
	ON CONFLICT (id) DO UPDATE
	SET fingerprint = excluded.fingerprint, at = excluded.at, item_id = excluded.item_id, version = excluded.version
)
INSERT INTO changes (item_id, version, number, action, author, author_name, at, after_json)
SELECT id, version, nextval('change_numbers'), @action, @by, @by_name, @at, @after FROM item
RETURNING item_id;

WITH item AS (
	UPDATE items
	SET name = @name, price = @price, description = @description, image = @image, tagline = @tagline, category = @category, calories = @calories, sold_out = @sold_out, position = @position, search = @search, name_key = @name_key, group_key = @group_key, version = version + 1,
		keys_of = version + 1
	WHERE id = @id AND version = @version
	RETURNING id, version
)
INSERT INTO changes (item_id, version, number, action, author, author_name, at, after_json)
SELECT id, version, nextval('change_numbers'), @action, @by, @by_name, @at, @after FROM item
RETURNING item_id;

WITH item AS (
	DELETE FROM items WHERE id = @id AND version = @version RETURNING id, version + 1 AS version
)
INSERT INTO changes (item_id, version, number, action, author, author_name, at)
SELECT id, version, nextval('change_numbers'), @action, @by, @by_name, @at FROM item
RETURNING item_id;

SELECT k.fingerprint, coalesce(c.item_id, 0) AS item_id, coalesce(c.version, 0) AS version, c.after_json
FROM idempotency_keys k LEFT JOIN changes c ON c.item_id = k.item_id AND c.version = k.version
WHERE k.id = @key AND k.at > @expired AND k.batch = ''
UNION ALL
SELECT k.fingerprint, coalesce(c.item_id, 0), coalesce(c.version, 0), c.after_json
FROM idempotency_keys k LEFT JOIN changes c ON c.batch = k.batch AND c.batch <> ''
WHERE k.id = @key AND k.at > @expired AND k.batch <> ''
ORDER BY 2;

SELECT set_config('idle_in_transaction_session_timeout', '10s', true), pg_advisory_xact_lock(1835363958);

SELECT c.item_id, c.version, c.action, c.author, c.author_name, c.at, c.batch, c.after_json, previous.after_json AS before_json
FROM changes c
LEFT JOIN changes previous ON previous.item_id = c.item_id AND previous.version = c.version - 1
WHERE c.item_id > 0 AND (c.at, c.item_id, c.version) < (@at, @id, @version)
ORDER BY c.at DESC, c.item_id DESC, c.version DESC
LIMIT @limit;

SELECT item_id, max(version) AS version FROM changes WHERE item_id = ANY(@ids) GROUP BY item_id;

SELECT id, version, name, price, description, image, tagline, category, calories, sold_out, position FROM items WHERE id = ANY(@ids);

WITH given AS MATERIALIZED (
	SELECT id, version, action, after, name, price, description, image, tagline, category, calories, sold_out, position, search, decode(name_key, 'base64') AS name_key, decode(group_key, 'base64') AS group_key
	FROM json_to_recordset(current_setting('menu_api.payload')::json) AS given (
		id bigint, version bigint, action text, after text, name text, price bigint, description text, image text, tagline text, category text, calories bigint, sold_out boolean, position bigint, search text, name_key text, group_key text
	)
), unchanged AS MATERIALIZED (
	SELECT NOT EXISTS (SELECT 1 FROM given WHERE version IS DISTINCT FROM (SELECT max(c.version) FROM changes c WHERE item_id = given.id))
		AND NOT EXISTS (SELECT 1 FROM idempotency_keys k WHERE k.id = @key::bytea AND k.at > @expired)
		AND (@newest::bigint IS NULL OR @newest::bigint = (SELECT coalesce(max(number), 0) FROM changes) AND @feed::text = (SELECT id FROM feed))
		AS ok
), allowed AS MATERIALIZED (
	SELECT given.* FROM given, unchanged WHERE ok ORDER BY id
), deleted AS (
	DELETE FROM items USING allowed WHERE items.id = allowed.id AND action = 'delete'
), stored AS (
	INSERT INTO items (id, version, name, price, description, image, tagline, category, calories, sold_out, position, search, name_key, group_key, keys_of)
	SELECT id, version + 1, name, price, description, image, tagline, category, calories, sold_out, position, search, name_key, group_key, version + 1 FROM allowed WHERE action <> 'delete'
	ON CONFLICT (id) DO UPDATE
	SET name = excluded.name, price = excluded.price, description = excluded.description, image = excluded.image, tagline = excluded.tagline, category = excluded.category, calories = excluded.calories, sold_out = excluded.sold_out, position = excluded.position, version = excluded.version, search = excluded.search, name_key = excluded.name_key, group_key = excluded.group_key,
		keys_of = excluded.keys_of
), change AS (
	INSERT INTO changes (item_id, version, number, action, author, author_name, at, batch, after_json)
	SELECT id, version + 1, nextval('change_numbers'), action, @by, @by_name, @at, @batch, after FROM allowed
), key AS (
	INSERT INTO idempotency_keys (id, fingerprint, at, item_id, version, batch)
	SELECT @key::bytea, @fingerprint, @at, 0, 0, @batch FROM unchanged WHERE ok AND @key::bytea IS NOT NULL
	ON CONFLICT (id) DO UPDATE
	SET fingerprint = excluded.fingerprint, at = excluded.at, item_id = 0, version = 0, batch = excluded.batch
)
SELECT ok FROM unchanged;

SELECT set_config('menu_api.payload', $1, true);

WITH item AS (
	DELETE FROM items RETURNING id, version + 1 AS version
)
INSERT INTO changes (item_id, version, action, author, author_name, at, batch)
SELECT id, version, 'delete', @by, @by_name, @at, @batch FROM item;

WITH item AS (
	INSERT INTO items (id, version, name, price, description, image, tagline, category, calories, sold_out, position, search, name_key, group_key, keys_of)
	VALUES (nextval('item_ids'), 1, @name, @price, @description, @image, @tagline, @category, @calories, @sold_out, @position, @search, @name_key, @group_key, 1)
	RETURNING id
)
INSERT INTO changes (item_id, version, action, author, author_name, at, batch, after_json)
SELECT id, 1, 'create', @by, @by_name, @at, @batch, @after FROM item
RETURNING item_id;

INSERT INTO changes (item_id, version, number, action, author, at)
SELECT 0, n AS version, n AS number, 'import', @by, @at FROM nextval('change_numbers') AS n;

SELECT EXISTS (SELECT 1 FROM seeded);

INSERT INTO seeded (once) VALUES (1);

SELECT item_id, version, number, action, author, author_name, at, batch, after_json
FROM changes
WHERE number > @after
ORDER BY number
LIMIT @limit;

SELECT id, (SELECT coalesce(max(number), 0) FROM changes) AS newest, pruned FROM feed;

LOCK TABLE items, changes IN ACCESS SHARE MODE;

SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = 'items';

SELECT item_id, version, action, author, author_name, at, batch, after_json
FROM changes
WHERE item_id > 0
ORDER BY item_id, version;

SELECT pg_try_advisory_xact_lock(1835363959);

SELECT NOT EXISTS (SELECT 1 FROM changes);

CREATE {kind} TABLE import_items (LIKE items INCLUDING ALL EXCLUDING INDEXES, PRIMARY KEY (id));
CREATE {kind} TABLE import_changes (LIKE changes INCLUDING ALL EXCLUDING INDEXES, PRIMARY KEY (item_id, version));

SELECT DISTINCT item_id FROM changes WHERE item_id = ANY(@ids);

SELECT setval('item_ids', @highest::bigint) WHERE @highest::bigint >= (SELECT last_value FROM item_ids);

SELECT coalesce(min(id), 0) FROM (
	SELECT c.item_id
	FROM (
		SELECT item_id, version, action, lag(version) OVER history AS previous, lead(version) OVER history AS next
		FROM import_changes
		WINDOW history AS (PARTITION BY item_id ORDER BY version)
	) AS c LEFT JOIN import_items i ON i.id = c.item_id
	WHERE previous <> c.version - 1
		OR previous IS NULL AND action = 'delete'
		OR next IS NULL AND i.version IS DISTINCT FROM CASE WHEN action <> 'delete' THEN c.version END
	UNION ALL
	SELECT id FROM import_items WHERE NOT EXISTS (SELECT 1 FROM import_changes WHERE item_id = id)
) AS bad (id);

INSERT INTO import_changes (item_id, version, action, author, at)
SELECT 0, nextval('change_numbers'), 'import', @by, @at;

INSERT INTO items (id, version, name, price, description, image, tagline, category, calories, sold_out, position, search, name_key, group_key, keys_of)
SELECT id, version, name, price, description, image, tagline, category, calories, sold_out, position, search, name_key, group_key, keys_of FROM import_items;

INSERT INTO changes SELECT * FROM import_changes;

SELECT coalesce(min(item_id), 0) FROM import_changes i WHERE EXISTS (SELECT 1 FROM changes c WHERE c.item_id = i.item_id);

SELECT c.relname AS name, t.relname AS table_name, i.indisprimary AS is_primary, pg_get_indexdef(c.oid, 0, true) AS definition
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
WHERE t.oid IN ('items'::regclass, 'changes'::regclass) AND i.indisvalid
ORDER BY c.oid;

INSERT INTO seeded (once) VALUES (1) ON CONFLICT DO NOTHING;
UPDATE changes SET number = nextval('change_numbers') WHERE item_id = 0 AND number IS NULL;
COMMIT;

SELECT set_config('idle_in_transaction_session_timeout', '10s', true), pg_advisory_xact_lock(1835363958);
DROP TABLE import_items, import_changes;
INSERT INTO seeded (once) VALUES (1) ON CONFLICT DO NOTHING;
UPDATE changes SET number = nextval('change_numbers') WHERE item_id = 0 AND number IS NULL;
COMMIT;

SET LOCAL lock_timeout = '100ms';
SELECT set_config('idle_in_transaction_session_timeout', '10s', true), pg_advisory_xact_lock(1835363958);
LOCK TABLE items, changes, idempotency_keys, feed IN ACCESS EXCLUSIVE MODE;;

DO $$ BEGIN IF EXISTS (SELECT 1 FROM changes) THEN RAISE SQLSTATE 'MN001'; END IF; END $$;;

TRUNCATE idempotency_keys;
UPDATE feed SET id = replace(gen_random_uuid()::text, '-', ''), pruned = 0;;

DROP TABLE items, changes;
ALTER TABLE import_items RENAME TO items;
ALTER TABLE import_changes RENAME TO changes;;

DELETE FROM idempotency_keys
WHERE id IN (SELECT id FROM idempotency_keys WHERE at <= @expired LIMIT @limit FOR UPDATE SKIP LOCKED);

WITH page AS (
	SELECT at, item_id, version FROM changes
	WHERE item_id > 0 AND at < @before AND (at, item_id, version) > (@at, @item_id, @version)
	ORDER BY at, item_id, version
	LIMIT @limit
), deleted AS (
	DELETE FROM changes c USING page p
	WHERE c.item_id = p.item_id AND c.version = p.version
		AND EXISTS (
			SELECT 1 FROM changes later WHERE later.item_id = p.item_id AND later.version > p.version
				AND NOT (later.version = p.version + 1 AND later.action = 'delete'))
		AND NOT EXISTS (
			SELECT 1 FROM changes earlier WHERE earlier.item_id = p.item_id AND earlier.version < p.version AND earlier.at >= @before)
	RETURNING c.number
), mark AS (
	UPDATE feed SET pruned = highest FROM (SELECT max(number) AS highest FROM deleted) AS d WHERE highest > pruned
)
SELECT at, item_id, version FROM page ORDER BY at DESC, item_id DESC, version DESC LIMIT 1;

WITH deleted AS (
	DELETE FROM changes WHERE item_id = 0 AND at < @before AND number < (SELECT max(number) FROM changes) RETURNING number
)
UPDATE feed SET pruned = highest FROM (SELECT max(number) AS highest FROM deleted) AS d WHERE highest > pruned;

SELECT coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0)::float8
FROM pg_stat_activity
WHERE datname = current_database() AND coalesce(backend_xmin, backend_xid) IS NOT NULL AND pid <> pg_backend_pid();

DELETE FROM idempotency_keys k
WHERE EXISTS (SELECT 1 FROM changes c WHERE c.item_id = k.item_id AND c.version = k.version AND c.author = @subject)
	OR k.batch <> '' AND EXISTS (SELECT 1 FROM changes c WHERE c.batch = k.batch AND c.batch <> '' AND c.author = @subject);

WITH page AS (
	SELECT item_id, version, author FROM changes
	WHERE (item_id, version) > (@item_id, @version)
	ORDER BY item_id, version
	LIMIT @limit
), erased AS (
	UPDATE changes c SET author = @erased, author_name = ''
	FROM page p
	WHERE c.item_id = p.item_id AND c.version = p.version AND p.author = @subject
	RETURNING 1
)
SELECT item_id, version, (SELECT count(*) FROM erased) AS erased FROM page ORDER BY item_id DESC, version DESC LIMIT 1;

SELECT id, version, name, price, description, image, tagline, category, calories, sold_out, position FROM items WHERE true AND group_key = @group_key AND group_key <> '' AND id > @after_id ORDER BY id LIMIT @limit;

SELECT id, version, name, price, description, image, tagline, category, calories, sold_out, position FROM items WHERE true AND group_key = @group_key AND group_key <> '' AND (name_key, id) > (@after, @after_id) ORDER BY name_key, id LIMIT @limit;

SELECT id, version, name, price, description, image, tagline, category, calories, sold_out, position FROM items WHERE true AND group_key = @group_key AND group_key <> '' AND (price, id) > (@after, @after_id) ORDER BY price, id LIMIT @limit;

SELECT id, version, name, price, description, image, tagline, category, calories, sold_out, position FROM items WHERE true AND group_key = @group_key AND group_key <> '' AND (price_down, id) > (@after, @after_id) ORDER BY price_down, id LIMIT @limit;

SELECT id, version, name, price, description, image, tagline, category, calories, sold_out, position FROM items WHERE true AND group_key = @group_key AND group_key <> '' AND (menu_key, id) > (@after, @after_id) ORDER BY menu_key, id LIMIT @limit;

SELECT quote_ident(nspname) FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'pg_trgm';

SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('items_by_trigrams');

DROP INDEX CONCURRENTLY IF EXISTS items_by_trigrams;

CREATE INDEX CONCURRENTLY items_by_trigrams ON items USING gin (search {schema}.gin_trgm_ops) WITH (gin_pending_list_limit = 256);

SELECT id, version, name, price, description, image, tagline, category, calories, sold_out, position FROM items WHERE id > @after AND keys_of <> version ORDER BY id LIMIT @limit;

UPDATE items SET search = @search, name_key = @name_key, group_key = @group_key, keys_of = version
WHERE id = @id AND version = @version;

SELECT id, version, name, price, description, image, tagline, category, calories, sold_out, position FROM items WHERE true AND group_key = @group_key AND group_key <> '' AND (name_key, id) > (@after, @after_id) AND strpos(search, @word0) > 0 AND strpos(search, @word1) > 0 AND strpos(search, @word2) > 0 ORDER BY name_key, id LIMIT @limit;

WITH walk AS MATERIALIZED (
	SELECT * FROM items WHERE true AND group_key = @group_key AND group_key <> '' AND (name_key, id) > (@after, @after_id) ORDER BY name_key, id LIMIT @walked
), page AS MATERIALIZED (
	SELECT * FROM walk WHERE true AND strpos(search, @word0) > 0 AND strpos(search, @word1) > 0 AND strpos(search, @word2) > 0 ORDER BY name_key, id LIMIT @limit
), done AS MATERIALIZED (
	SELECT (SELECT count(*) FROM page) = @limit OR (SELECT count(*) FROM walk) < @walked AS yes
)
SELECT id, version, name, price, description, image, tagline, category, calories, sold_out, position FROM (
	SELECT * FROM page WHERE (SELECT yes FROM done)
	UNION ALL
	SELECT * FROM (
		SELECT * FROM items WHERE true AND group_key = @group_key AND group_key <> '' AND (name_key, id) > (@after, @after_id) AND search LIKE @pattern0 AND search LIKE @pattern2 AND strpos(search, @word0) > 0 AND strpos(search, @word1) > 0 AND strpos(search, @word2) > 0 AND NOT (SELECT yes FROM done) OFFSET 0
	) AS matches
) AS found
ORDER BY name_key, id LIMIT @limit;

