package postgres

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"reflect"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"

	"menu-api/items"
)

// Every transaction that writes takes this lock first and holds it until it has committed. So the numbers of changes rise
// in the order of commits, and a condition that a statement checks stays true. 0x6d656e76 is arbitrary.
//
// A transaction that stops in the middle, because its process does, ends after ten seconds. The setting is local to the
// transaction, so it also works behind a pooler.
const lockWrites = `SELECT set_config('idle_in_transaction_session_timeout', '10s', true), pg_advisory_xact_lock(1835363958)`

// A conditional write affects one row, or no row if the item is no longer as the caller read it. @version is the version
// that the caller read. No statement may fail, because it would fail the other writes of its batch.
var (
	// insertItem creates or restores an item, unless the id was used or the idempotency key was taken after the caller read.
	insertItem = expand(`
WITH new AS (
	SELECT coalesce(@id::bigint, nextval('item_ids')) AS id
), item AS (
	INSERT INTO items (id, version, {columns}, search, name_key, group_key, keys_of)
	SELECT id, @version::bigint + 1, {values}, @search, @name_key, @group_key, @version::bigint + 1
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
RETURNING item_id`)

	// createItems creates the items of several writes that have no idempotency key: this costs half as much as a statement for
	// each. It returns no row for a write that affects nothing.
	createItems = expand(`
WITH new AS (
	SELECT nextval('item_ids') AS new_id, given.*
	FROM unnest({arrays}, @search::text[], @name_key::bytea[], @group_key::bytea[], @by::text[], @by_name::text[], @at::timestamptz[], @after::text[])
		WITH ORDINALITY AS given ({columns}, search, name_key, group_key, author, author_name, at, after_json, place)
), item AS (
	INSERT INTO items (id, version, {columns}, search, name_key, group_key, keys_of)
	SELECT new_id, 1, {columns}, search, name_key, group_key, 1 FROM new
	ON CONFLICT DO NOTHING
	RETURNING id AS item_id
), change AS (
	INSERT INTO changes (item_id, version, number, action, author, author_name, at, after_json)
	SELECT item_id, 1, nextval('change_numbers'), 'create', author, author_name, at, after_json FROM new JOIN item ON item_id = new_id
	RETURNING item_id
)
SELECT place, item_id FROM new JOIN change ON item_id = new_id`)

	updateItem = expand(`
WITH item AS (
	UPDATE items
	SET {assignments}, search = @search, name_key = @name_key, group_key = @group_key, version = version + 1,
		keys_of = version + 1
	WHERE id = @id AND version = @version
	RETURNING id, version
)
INSERT INTO changes (item_id, version, number, action, author, author_name, at, after_json)
SELECT id, version, nextval('change_numbers'), @action, @by, @by_name, @at, @after FROM item
RETURNING item_id`)

	deleteItem = `
WITH item AS (
	DELETE FROM items WHERE id = @id AND version = @version RETURNING id, version + 1 AS version
)
INSERT INTO changes (item_id, version, number, action, author, author_name, at)
SELECT id, version, nextval('change_numbers'), @action, @by, @by_name, @at FROM item
RETURNING item_id`

	// selectReplay returns the items as the request with the same idempotency key left them. For a request that changed
	// several items, these are all its changes, or one row without a change.
	selectReplay = `
SELECT k.fingerprint, coalesce(c.item_id, 0) AS item_id, coalesce(c.version, 0) AS version, c.after_json
FROM idempotency_keys k LEFT JOIN changes c ON c.item_id = k.item_id AND c.version = k.version
WHERE k.id = @key AND k.at > @expired AND k.batch = ''
UNION ALL
SELECT k.fingerprint, coalesce(c.item_id, 0), coalesce(c.version, 0), c.after_json
FROM idempotency_keys k LEFT JOIN changes c ON c.batch = k.batch AND c.batch <> ''
WHERE k.id = @key AND k.at > @expired AND k.batch <> ''
ORDER BY 2`
)

// Create implements items.Store.
func (s *Store) Create(ctx context.Context, info items.AuditInfo, item items.Item) (items.Item, error) {
	item.ID, item.Version = 0, 1
	for {
		if used, known, err := s.replay(ctx, info); err != nil || known {
			return only(used), err
		}
		id, err := s.write(ctx, insertItem, info, items.Created, item)
		if err != nil || id != 0 {
			item.ID = id
			return item, err
		}
	}
}

// Update implements items.Store. It reads the item, lets change decide, and writes if the item still has the version that
// was read. Otherwise it starts again.
func (s *Store) Update(ctx context.Context, info items.AuditInfo, id int64, change func(items.Item) (items.Item, error)) (items.Item, error) {
	for {
		current, err := s.Get(ctx, id)
		if err != nil {
			return items.Item{}, err
		}
		updated, err := change(current)
		if err != nil {
			return items.Item{}, err
		}
		updated.ID, updated.Version = id, current.Version+1
		done, err := s.write(ctx, updateItem, info, items.Updated, updated)
		if err != nil || done != 0 {
			return updated, err
		}
	}
}

// Delete implements items.Store, in the same way as Update.
func (s *Store) Delete(ctx context.Context, info items.AuditInfo, id int64, allow func(items.Item) error) (items.Item, error) {
	for {
		current, err := s.Get(ctx, id)
		if err != nil {
			return items.Item{}, err
		}
		if err := allow(current); err != nil {
			return items.Item{}, err
		}
		deleted := current
		deleted.Version++
		done, err := s.write(ctx, deleteItem, info, items.Deleted, deleted)
		if err != nil || done != 0 {
			return current, err
		}
	}
}

// Restore implements items.Store.
func (s *Store) Restore(ctx context.Context, info items.AuditInfo, id int64) (items.Item, error) {
	for {
		if used, known, err := s.replay(ctx, info); err != nil || known {
			return only(used), err
		}
		last, err := s.History(ctx, id, 0, 1)
		if err != nil {
			return items.Item{}, err
		}
		if last[0].Action != items.Deleted {
			return items.Item{}, items.ErrNotDeleted
		}
		item := *last[0].Before
		item.Version = last[0].Version + 1
		done, err := s.write(ctx, insertItem, info, items.Restored, item)
		if err != nil || done != 0 {
			return item, err
		}
	}
}

// only returns the item of a request that changes one item.
func only(list []items.Item) (item items.Item) {
	if len(list) > 0 {
		item = list[0]
	}
	return item
}

// replay returns what an earlier request with the same idempotency key returned. known is false if there was no such
// request.
func (s *Store) replay(ctx context.Context, info items.AuditInfo) (list []items.Item, known bool, err error) {
	if info.Key == nil {
		return nil, false, nil
	}
	type use struct {
		Fingerprint []byte
		ItemID      int64
		Version     int64
		After       *string `db:"after_json"`
	}
	uses, err := read(ctx, s, pgx.RowToStructByName[use], selectReplay,
		pgx.NamedArgs{"key": info.Key.ID(info.By), "expired": expiry(info.At)})
	list = []items.Item{}
	for _, used := range uses {
		if !bytes.Equal(used.Fingerprint, info.Key.Fingerprint[:]) {
			return nil, true, items.ErrKeyReused
		}
		after, err := itemFrom(used.After, used.ItemID, used.Version)
		if err != nil {
			return nil, true, err
		}
		if after != nil {
			list = append(list, *after)
		}
	}
	return list, len(uses) > 0, err
}

// expiry is the time before which keys are forgotten.
func expiry(now time.Time) time.Time { return now.Add(-items.KeyLifetime) }

// write is a conditional write that waits for its batch, and then its outcome.
type write struct {
	statement string
	args      pgx.NamedArgs
	// subjects are the item and the idempotency key that it writes. A batch has one write for each. A new item without a key
	// has no subjects.
	subjects []any
	size     int   // in bytes, about
	id       int64 // of the item; 0 if the write affected no row
	err      error
}

const (
	// maxBatch is how many writes share a transaction.
	maxBatch = 128
	// maxBatchSize limits the message that holds them, in bytes. The kernel takes a message of this size at once: a process
	// that stops in the middle of sending would hold the lock.
	maxBatchSize = 64 << 10
)

// write makes a conditional write of the item's new state in the next batch. It returns the item's id, or 0 if the caller
// has to read and decide again.
func (s *Store) write(ctx context.Context, statement string, info items.AuditInfo, action items.Action, item items.Item) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	own, err := newWrite(statement, info, action, item)
	if err != nil {
		return 0, err
	}
	if err := s.writes.Run(ctx, own); err != nil {
		return 0, err
	}
	return own.id, own.err
}

func newWrite(statement string, info items.AuditInfo, action items.Action, item items.Item) (*write, error) {
	args, err := itemArgs(&item)
	if err != nil {
		return nil, err
	}
	w := &write{statement: statement, args: args, size: 3 * len(args["after"].(string))} //nolint:forcetypeassert // see itemArgs
	args["version"], args["action"] = item.Version-1, string(action)
	maps.Copy(args, auditArgs(info))
	if item.ID != 0 {
		args["id"] = item.ID
		w.subjects = append(w.subjects, item.ID)
	}
	if key := info.Key; key != nil {
		id := key.ID(info.By)
		args["key"], args["fingerprint"], args["expired"] = id, key.Fingerprint[:], expiry(info.At)
		w.subjects = append(w.subjects, string(id))
	}
	return w, nil
}

// auditArgs returns the arguments for who made a change, and when. The history is ordered by milliseconds.
func auditArgs(info items.AuditInfo) pgx.NamedArgs {
	return pgx.NamedArgs{"by": info.By, "by_name": info.Name, "at": info.At.Truncate(time.Millisecond), "batch": info.Batch}
}

// itemArgs returns the arguments for the columns of an item, and its snapshot as "after".
func itemArgs(item *items.Item) (pgx.NamedArgs, error) {
	after, err := items.Snapshot(item)
	if err != nil {
		return nil, err
	}
	args := keyArgs(item)
	args["after"] = *after
	values := item.Values()
	for i, column := range items.Columns() {
		args[column] = values[i]
	}
	return args, nil
}

// keyArgs returns the arguments for what items are searched and sorted by.
func keyArgs(item *items.Item) pgx.NamedArgs {
	return pgx.NamedArgs{
		"search": items.SearchText(*item), "name_key": []byte(items.SortKey(item.Name)), "group_key": []byte(items.SortKey(item.Category)),
	}
}

func (w *write) queue(batch *pgx.Batch) {
	batch.Queue(w.statement, w.args).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&w.id}, func() error { return nil })
		return err
	})
}

// arrays turns the arguments of several writes into one array for each argument.
func arrays(writes []*write) pgx.NamedArgs {
	args := pgx.NamedArgs{}
	for name, first := range writes[0].args {
		list := reflect.MakeSlice(reflect.SliceOf(reflect.TypeOf(first)), len(writes), len(writes))
		for i, w := range writes {
			list.Index(i).Set(reflect.ValueOf(w.args[name]))
		}
		args[name] = list.Interface()
	}
	return args
}

// commit runs the writes of a batch in one transaction. A write that has to wait for another one affects no row, so its
// caller decides again.
func (s *Store) commit(writes []*write) {
	size, taken := 0, map[any]bool{}
	batch := writes[:0]
next:
	for _, w := range writes {
		for _, subject := range w.subjects {
			if taken[subject] {
				continue next
			}
		}
		if size += w.size; size > maxBatchSize && len(batch) > 0 {
			break
		}
		for _, subject := range w.subjects {
			taken[subject] = true
		}
		batch = append(batch, w)
	}
	err := s.send(batch)
	if err == nil || isOurs(err) || len(batch) == 1 {
		for _, w := range batch {
			w.err = err
		}
		return
	}
	for _, w := range batch { // so that only the failing statement fails
		w.err = s.send([]*write{w})
	}
}

// send commits the writes. It does not use a caller's context, because the writes belong to several callers.
func (s *Store) send(writes []*write) error {
	ctx, cancel := context.WithTimeout(context.Background(), items.ReadTimeout)
	defer cancel()
	err := s.transact(ctx, "", func(batch *pgx.Batch) {
		var creates []*write
		for _, w := range writes {
			w.id = 0
			if len(w.subjects) == 0 {
				creates = append(creates, w)
			} else {
				w.queue(batch)
			}
		}
		switch len(creates) {
		case 0:
		case 1:
			creates[0].queue(batch)
		default:
			batch.Queue(createItems, arrays(creates)).Query(func(rows pgx.Rows) error {
				var place, id int64
				_, err := pgx.ForEachRow(rows, []any{&place, &id}, func() error { creates[place-1].id = id; return nil })
				return err
			})
		}
	})
	switch {
	case isDuplicate(err) && len(writes) == 1: // an import has used the id
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return outage(items.ErrUnavailable, err)
	}
	return err
}

// transact runs the queued statements as one transaction under the lock. They reach the server in one message with the
// COMMIT, so a process that stops or dies leaves no lock behind. A large payload for the statements comes first, so that no
// lock is held while it is sent; the statements find it in the setting menu_api.payload. If PostgreSQL undoes the
// transaction to keep it apart from another one, transact tries again until the context ends.
//
// The error is ErrUncertain if the connection was lost before the response arrived.
func (s *Store) transact(ctx context.Context, payload string, queue func(*pgx.Batch)) error {
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		sent, err := s.use(ctx, func(ctx context.Context, conn *pgx.Conn) error {
			batch := &pgx.Batch{}
			// A statement sees what was committed before it began. So the writes see all that the lock waited for.
			batch.Queue(`BEGIN ISOLATION LEVEL READ COMMITTED`)
			if payload != "" {
				batch.Queue(setPayload, payload)
			}
			batch.Queue(lockWrites)
			queue(batch)
			batch.Queue(`COMMIT`)
			err := conn.SendBatch(ctx, batch).Close()
			if err != nil && !conn.IsClosed() {
				_, _ = conn.Exec(ctx, `ROLLBACK`) // the statements after the failed one were not executed
			}
			return err
		})
		switch code := codeOf(err); {
		case err == nil:
			s.changed()
			return nil
		case code == codeSerializationFailure || code == codeDeadlock:
			time.Sleep(rand.N(pause)) //nolint:gosec // spreads the attempts
		case sent && isLost(err):
			return outage(items.ErrUncertain, err)
		default:
			return translate(ctx, err)
		}
	}
}

// setPayload sets a value that ends with the transaction.
const setPayload = `SELECT set_config('menu_api.payload', $1, true)`

// The statements of a write of several items.
var (
	// selectVersions returns the version of the last change of each item.
	selectVersions = `SELECT item_id, max(version) AS version FROM changes WHERE item_id = ANY(@ids) GROUP BY item_id`

	selectStates = expand(`SELECT id, version, {columns} FROM items WHERE id = ANY(@ids)`)

	// changeMany makes all changes in the payload, or none if an item, the feed or the idempotency key has changed since the
	// caller read. It returns whether it has made them.
	changeMany = expand(`
WITH given AS MATERIALIZED (
	SELECT id, version, action, after, {columns}, search, decode(name_key, 'base64') AS name_key, decode(group_key, 'base64') AS group_key
	FROM json_to_recordset(current_setting('menu_api.payload')::json) AS given (
		id bigint, version bigint, action text, after text, {typed}, search text, name_key text, group_key text
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
	INSERT INTO items (id, version, {columns}, search, name_key, group_key, keys_of)
	SELECT id, version + 1, {columns}, search, name_key, group_key, version + 1 FROM allowed WHERE action <> 'delete'
	ON CONFLICT (id) DO UPDATE
	SET {excluded}, version = excluded.version, search = excluded.search, name_key = excluded.name_key, group_key = excluded.group_key,
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
SELECT ok FROM unchanged`)
)

// UpdateMany implements items.Store, in the same way as Update.
func (s *Store) UpdateMany(
	ctx context.Context, info items.AuditInfo, ids []int64, at *items.Feed, change func([]items.State) ([]*items.Item, error),
) ([]items.Item, error) {
	args := auditArgs(info)
	args["key"], args["newest"] = []byte(nil), (*int64)(nil)
	if key := info.Key; key != nil {
		args["key"], args["fingerprint"], args["expired"] = key.ID(info.By), key.Fingerprint[:], expiry(info.At)
	}
	if at != nil {
		args["newest"], args["feed"] = &at.Newest, at.ID
	}
	for {
		if used, known, err := s.replay(ctx, info); err != nil || known {
			return used, err
		}
		current, err := s.states(ctx, ids)
		if err != nil {
			return nil, err
		}
		after, err := change(current)
		if err != nil {
			return nil, err
		}
		if at != nil {
			if feed, err := s.Feed(ctx); err != nil || feed.ID != at.ID || feed.Newest != at.Newest {
				return nil, cmp.Or(err, items.ErrMenuChanged)
			}
		}
		changed, payload, err := manyChanges(ids, current, after)
		if err != nil {
			return nil, err
		}
		done := false
		err = s.transact(ctx, payload, func(batch *pgx.Batch) {
			batch.Queue(changeMany, args).QueryRow(func(row pgx.Row) error { return row.Scan(&done) })
		})
		if err != nil || done {
			return changed, err
		}
	}
}

// states returns the states of the ids. It reads the versions first: if an item changes in between, its version is too old
// for the write.
func (s *Store) states(ctx context.Context, ids []int64) ([]items.State, error) {
	type lastChange struct{ ItemID, Version int64 }
	args := pgx.NamedArgs{"ids": ids}
	changes, err := read(ctx, s, pgx.RowToStructByName[lastChange], selectVersions, args)
	if err != nil {
		return nil, err
	}
	menu, err := read(ctx, s, pgx.RowToStructByName[items.Item], selectStates, args)
	if err != nil {
		return nil, err
	}
	byID := map[int64]items.State{}
	for _, c := range changes {
		byID[c.ItemID] = items.State{Version: c.Version}
	}
	for _, item := range menu {
		byID[item.ID] = items.State{Item: &item, Version: item.Version}
	}
	states := make([]items.State, len(ids))
	for i, id := range ids {
		states[i] = byID[id]
	}
	return states, nil
}

// manyChanges returns the items that will be stored, and the payload of changeMany.
func manyChanges(ids []int64, current []items.State, after []*items.Item) (changed []items.Item, payload string, err error) {
	changed, rows := []items.Item{}, []pgx.NamedArgs{}
	for i, id := range ids {
		row := pgx.NamedArgs{}
		action := items.Updated
		switch {
		case after[i] == nil && current[i].Item == nil:
			continue // it stays deleted
		case after[i] == nil:
			action = items.Deleted
		case current[i].Item == nil:
			action = items.Restored
		}
		if after[i] != nil {
			item := *after[i]
			item.ID, item.Version = id, current[i].Version+1
			changed = append(changed, item)
			if row, err = itemArgs(&item); err != nil {
				return nil, "", err
			}
			row["price"] = int64(item.Price) // in cents
		}
		row["id"], row["version"], row["action"] = id, current[i].Version, action
		rows = append(rows, row)
	}
	text, err := json.Marshal(rows)
	return changed, string(text), err
}

// The statements of a reset and of the first menu. Their changes get no numbers, because the feed shows a reset as one change.
var (
	deleteItems = `
WITH item AS (
	DELETE FROM items RETURNING id, version + 1 AS version
)
INSERT INTO changes (item_id, version, action, author, author_name, at, batch)
SELECT id, version, 'delete', @by, @by_name, @at, @batch FROM item`

	addItem = expand(`
WITH item AS (
	INSERT INTO items (id, version, {columns}, search, name_key, group_key, keys_of)
	VALUES (nextval('item_ids'), 1, {values}, @search, @name_key, @group_key, 1)
	RETURNING id
)
INSERT INTO changes (item_id, version, action, author, author_name, at, batch, after_json)
SELECT id, 1, 'create', @by, @by_name, @at, @batch, @after FROM item
RETURNING item_id`)

	// changeOfAll is what the feed shows when many items have changed at once.
	changeOfAll = `
INSERT INTO changes (item_id, version, number, action, author, at)
SELECT 0, n AS version, n AS number, 'import', @by, @at FROM nextval('change_numbers') AS n`
)

// markSeeded fails if the database was seeded.
const (
	isSeeded   = `SELECT EXISTS (SELECT 1 FROM seeded)`
	markSeeded = `INSERT INTO seeded (once) VALUES (1)`
)

// Seed implements items.Store. If another replica seeds the database at the same time, the later one changes nothing.
func (s *Store) Seed(ctx context.Context, info items.AuditInfo, menu []items.Item) error {
	for {
		done, err := readOne(ctx, s, pgx.RowTo[bool], isSeeded, nil)
		if err != nil || done {
			return err
		}
		if _, err = s.addMenu(ctx, info, markSeeded, menu); !isDuplicate(err) {
			return err
		}
	}
}

// Reset implements items.Store.
func (s *Store) Reset(ctx context.Context, info items.AuditInfo, menu []items.Item) ([]items.Item, error) {
	for {
		added, err := s.addMenu(ctx, info, deleteItems, menu)
		if !isDuplicate(err) { // otherwise an id was used
			return added, err
		}
	}
}

// addMenu runs the first statement and adds the items, as one change in the feed.
func (s *Store) addMenu(ctx context.Context, info items.AuditInfo, first string, menu []items.Item) ([]items.Item, error) {
	added := make([]items.Item, len(menu))
	args := make([]pgx.NamedArgs, len(menu))
	for i, item := range menu {
		item.ID, item.Version = 0, 1
		var err error
		if args[i], err = itemArgs(&item); err != nil {
			return nil, err
		}
		maps.Copy(args[i], auditArgs(info))
		added[i] = item
	}
	audit := auditArgs(info)
	err := s.transact(ctx, "", func(batch *pgx.Batch) {
		batch.Queue(first, audit)
		for i := range added {
			batch.Queue(addItem, args[i]).QueryRow(func(row pgx.Row) error { return row.Scan(&added[i].ID) })
		}
		batch.Queue(changeOfAll, audit)
	})
	return added, err
}
