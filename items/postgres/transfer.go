package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"menu-api/items"
)

var (
	// lockExport comes before the first snapshot of the transaction, so that an import cannot replace the tables in between.
	lockExport = `LOCK TABLE items, changes IN ACCESS SHARE MODE`

	selectColumns = `SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = 'items'`

	exportChanges = `
SELECT item_id, version, action, author, author_name, at, batch, after_json
FROM changes
WHERE item_id > 0
ORDER BY item_id, version`
)

// Export implements items.Store. Its transaction sees one moment and delays no writer. It has its own connection, so that a slow
// reader does not keep one of the pool for minutes.
func (s *Store) Export(ctx context.Context, history bool, yield func(items.Record) error) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return translate(ctx, err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return translate(ctx, err)
	}
	if _, err := tx.Exec(ctx, lockExport); err != nil {
		return translate(ctx, err)
	}
	// A database of the release before lacks the newest columns.
	columns := []string{"id", "version"}
	for column, err := range each(ctx, tx, selectColumns, pgx.RowTo[string]) {
		if err != nil {
			return translate(ctx, err)
		}
		if slices.Contains(items.Columns(), column) {
			columns = append(columns, column)
		}
	}
	selectAll := `SELECT ` + strings.Join(columns, ", ") + ` FROM items ORDER BY id`
	for item, err := range each(ctx, tx, selectAll, pgx.RowToStructByNameLax[items.Item]) {
		if err != nil {
			return translate(ctx, err)
		}
		if err := yield(items.Record{Item: &item}); err != nil {
			return err
		}
	}
	if !history {
		return nil
	}
	for change, err := range each(ctx, tx, exportChanges, rowToChange) {
		if err != nil {
			return translate(ctx, err)
		}
		if err := yield(items.Record{Change: &change}); err != nil {
			return err
		}
	}
	return nil
}

// each returns one row after the other, without collecting them. An error is the last element.
func each[T any](ctx context.Context, tx pgx.Tx, statement string, rowTo pgx.RowToFunc[T]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		rows, _ := tx.Query(ctx, statement) // rows.Err returns the error
		defer rows.Close()
		for rows.Next() {
			if row, err := rowTo(rows); !yield(row, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			var none T
			yield(none, err)
		}
	}
}

// An import first collects its records in the tables import_items and import_changes, which only its transaction sees.
// That takes minutes for a large file and delays nothing else. Then there are two ways to end it:
//
//   - With replace, or into an empty database, the tables take the place of items and changes.
//   - Otherwise the import copies their rows into items and changes.
var (
	// lockImports makes imports, and the creation of the search index, run one after the other: each would wait for the locks
	// or snapshots of another. It never waits, because a statement that waits has a snapshot. 0x6d656e77 is arbitrary.
	lockImports = `SELECT pg_try_advisory_xact_lock(1835363959)`

	isEmpty = `SELECT NOT EXISTS (SELECT 1 FROM changes)`

	// createTables leaves out all indexes but the primary keys, because they take less time at the end.
	createTables = `
CREATE {kind} TABLE import_items (LIKE items INCLUDING ALL EXCLUDING INDEXES, PRIMARY KEY (id));
CREATE {kind} TABLE import_changes (LIKE changes INCLUDING ALL EXCLUDING INDEXES, PRIMARY KEY (item_id, version))`

	// selectUsed returns those of the ids that have a history.
	selectUsed = `SELECT DISTINCT item_id FROM changes WHERE item_id = ANY(@ids)`

	// raiseIDs keeps the ids of records from being used again. It needs the write lock: afterwards no other write is about
	// to use such an id, so an import and other writes never wait for each other because of an id.
	raiseIDs = `SELECT setval('item_ids', @highest::bigint) WHERE @highest::bigint >= (SELECT last_value FROM item_ids)`

	// badHistory returns an item whose history has a gap, begins with a deletion or does not end with the item, or 0. It need
	// not begin with version 1, because of HISTORY_RETENTION.
	badHistory = `
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
) AS bad (id)`

	// changeOfLoad is the one change of the import in the feed. It gets its number at the end.
	changeOfLoad = `
INSERT INTO import_changes (item_id, version, action, author, at)
SELECT 0, nextval('change_numbers'), 'import', @by, @at`

	mergeItems = expand(`
INSERT INTO items (id, version, {columns}, search, name_key, group_key, keys_of)
SELECT id, version, {columns}, search, name_key, group_key, keys_of FROM import_items`)

	mergeChanges = `INSERT INTO changes SELECT * FROM import_changes`

	// selectConflict returns an item of the import whose id another write used in the meantime, or 0.
	selectConflict = `
SELECT coalesce(min(item_id), 0) FROM import_changes i WHERE EXISTS (SELECT 1 FROM changes c WHERE c.item_id = i.item_id)`

	selectIndexes = `
SELECT c.relname AS name, t.relname AS table_name, i.indisprimary AS is_primary, pg_get_indexdef(c.oid, 0, true) AS definition
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
WHERE t.oid IN ('items'::regclass, 'changes'::regclass) AND i.indisvalid
ORDER BY c.oid`
)

// Each of these ends a message that takes the locks, changes what the others see, and commits. It is one message, so a
// process that stops leaves no lock behind.
const (
	publish = `
INSERT INTO seeded (once) VALUES (1) ON CONFLICT DO NOTHING;
UPDATE changes SET number = nextval('change_numbers') WHERE item_id = 0 AND number IS NULL;
COMMIT`

	commitMerge = lockWrites + `;
DROP TABLE import_items, import_changes;` + publish

	// beginSwap gives up soon, because reads and writes wait behind it: a running export delays only the import.
	beginSwap = `
SET LOCAL lock_timeout = '100ms';
` + lockWrites + `;
LOCK TABLE items, changes, idempotency_keys, feed IN ACCESS EXCLUSIVE MODE;`

	// failIfFilled fails with codeFilled if the database is no longer empty.
	failIfFilled = `
DO $$ BEGIN IF EXISTS (SELECT 1 FROM changes) THEN RAISE SQLSTATE '` + codeFilled + `'; END IF; END $$;`

	clearRest = `
TRUNCATE idempotency_keys;
UPDATE feed SET id = replace(gen_random_uuid()::text, '-', ''), pruned = 0;`

	swapTables = `
DROP TABLE items, changes;
ALTER TABLE import_items RENAME TO items;
ALTER TABLE import_changes RENAME TO changes;`

	// swapPause is the time before the next attempt to get the locks.
	swapPause = time.Second
)

// Import implements items.Store. Its own connection has a transaction from the first record to the last.
func (s *Store) Import(ctx context.Context, info items.AuditInfo, replace bool, next func() (items.Record, error)) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return translate(ctx, err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // which undoes what is not committed
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return translate(ctx, err)
	}
	l := &loader{store: s, tx: tx, info: info, replace: replace}
	if err := l.begin(ctx); err != nil {
		return translate(ctx, err)
	}
	for {
		rec, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := l.add(ctx, rec); err != nil {
			return translate(ctx, err)
		}
	}
	if err := l.finish(ctx); err != nil {
		return translate(ctx, err)
	}
	s.changed()
	return nil
}

// loader adds records in batches.
type loader struct {
	store   *Store
	tx      pgx.Tx
	info    items.AuditInfo
	replace bool
	// swap is true if the tables of the import take the place of the others.
	swap bool
	// batch are the records that are not yet written, and first is the number of the first of them.
	batch []items.Record
	first int
	// highest is the highest id of an item or a change, and raised is up to where ids are kept from being used again.
	highest, raised int64
}

// maxRows is how many records one COPY writes.
const maxRows = 5000

// tryLockImports takes the lock of imports, unless another transaction has it. The simple protocol keeps no snapshot
// afterwards, for which CREATE INDEX CONCURRENTLY would wait.
func tryLockImports(ctx context.Context, tx pgx.Tx) (locked bool, err error) {
	err = tx.QueryRow(ctx, lockImports, pgx.QueryExecModeSimpleProtocol).Scan(&locked)
	return locked, err
}

// begin creates the tables of the import.
func (l *loader) begin(ctx context.Context) error {
	for {
		locked, err := tryLockImports(ctx, l.tx)
		if err != nil {
			return err
		}
		if locked {
			break
		}
		items.Sleep(ctx, lockPause)
	}
	if err := l.tx.QueryRow(ctx, isEmpty).Scan(&l.swap); err != nil {
		return err
	}
	l.swap = l.swap || l.replace
	kind := "UNLOGGED" // their rows are copied
	if l.swap {
		kind = ""
	}
	_, err := l.tx.Exec(ctx, strings.ReplaceAll(createTables, "{kind}", kind))
	return err
}

// add collects a record. It copies the item, because complete changes it.
func (l *loader) add(ctx context.Context, rec items.Record) error {
	if rec.Item != nil {
		item := *rec.Item
		rec.Item = &item
		l.highest = max(l.highest, item.ID)
	}
	if rec.Change != nil {
		l.highest = max(l.highest, rec.Change.ItemID)
	}
	l.batch = append(l.batch, rec)
	if len(l.batch) < maxRows {
		return nil
	}
	return l.flush(ctx)
}

// flush writes the batch. If it has a duplicate, flush writes its records one by one to learn which.
func (l *loader) flush(ctx context.Context) error {
	if err := l.rejectUsed(ctx); err != nil {
		return err
	}
	if err := l.complete(ctx); err != nil {
		return err
	}
	err := l.copy(ctx, l.batch)
	if isDuplicate(err) {
		for i := range l.batch {
			if err := l.copy(ctx, l.batch[i:i+1]); isDuplicate(err) {
				return &items.RecordError{Index: l.first + i, Err: items.ErrExists}
			}
		}
	}
	l.first += len(l.batch)
	l.batch = l.batch[:0]
	return err
}

// rejectUsed returns an error if an id of the batch is or was used, unless the import replaces everything.
func (l *loader) rejectUsed(ctx context.Context) error {
	if l.swap {
		return nil // and if another write fills the empty database, merge finds the conflict
	}
	ids := make([]int64, len(l.batch))
	for i, rec := range l.batch {
		if rec.Item != nil {
			ids[i] = rec.Item.ID
		} else {
			ids[i] = rec.Change.ItemID
		}
	}
	rows, _ := l.tx.Query(ctx, selectUsed, pgx.NamedArgs{"ids": ids}) // CollectRows returns the error
	used, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	for i, id := range ids {
		if id != 0 && slices.Contains(used, id) {
			return &items.RecordError{Index: l.first + i, Err: items.ErrExists}
		}
	}
	return err
}

// complete gives new items an id above all ids so far, and their first change.
func (l *loader) complete(ctx context.Context) error {
	var added []*items.Item
	for _, rec := range l.batch {
		if rec.Item != nil && rec.Item.ID == 0 {
			added = append(added, rec.Item)
		}
	}
	if len(added) > 0 {
		if err := l.raise(ctx); err != nil {
			return err
		}
		rows, _ := l.tx.Query(ctx, `SELECT nextval('item_ids') FROM generate_series(1, @count::bigint)`, pgx.NamedArgs{"count": len(added)})
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return err
		}
		for i, id := range ids {
			added[i].ID = id
		}
	}
	for i, rec := range l.batch {
		if item := rec.Item; item != nil && item.Version == 0 {
			item.Version = 1
			created := l.info.Change(items.Created, item.ID, item.Version, item)
			l.batch[i].Change = &created
		}
	}
	return nil
}

// raise keeps the ids of the records so far from being used again.
func (l *loader) raise(ctx context.Context) error {
	if l.highest <= l.raised {
		return nil
	}
	l.raised = l.highest
	return l.store.transact(ctx, "", func(batch *pgx.Batch) {
		batch.Queue(raiseIDs, pgx.NamedArgs{"highest": l.highest})
	})
}

// copy writes rows in a nested transaction, so that another attempt can follow a failure.
func (l *loader) copy(ctx context.Context, batch []items.Record) error {
	tx, err := l.tx.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	var itemRows, changeRows [][]any
	for _, rec := range batch {
		if i := rec.Item; i != nil {
			keys := keyArgs(i)
			row := []any{i.ID, i.Version, keys["search"], keys["name_key"], keys["group_key"], i.Version}
			itemRows = append(itemRows, append(row, i.Values()...))
		}
		if c := rec.Change; c != nil {
			after, err := items.Snapshot(c.After)
			if err != nil {
				return err
			}
			changeRows = append(changeRows, []any{
				c.ItemID, c.Version, string(c.Action), c.By, c.ByName, c.At.Truncate(time.Millisecond), c.Batch, after,
			})
		}
	}
	columns := slices.Concat([]string{"id", "version", "search", "name_key", "group_key", "keys_of"}, items.Columns())
	if _, err = tx.CopyFrom(ctx, pgx.Identifier{"import_items"}, columns, pgx.CopyFromRows(itemRows)); err != nil {
		return err
	}
	columns = []string{"item_id", "version", "action", "author", "author_name", "at", "batch", "after_json"}
	if _, err = tx.CopyFrom(ctx, pgx.Identifier{"import_changes"}, columns, pgx.CopyFromRows(changeRows)); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// finish writes the last batch, checks the result, and makes it visible.
func (l *loader) finish(ctx context.Context) error {
	if err := l.flush(ctx); err != nil {
		return err
	}
	if err := l.raise(ctx); err != nil {
		return err
	}
	if _, err := l.tx.Exec(ctx, `ANALYZE import_items, import_changes`); err != nil {
		return err
	}
	var id int64
	if err := l.tx.QueryRow(ctx, badHistory).Scan(&id); err != nil {
		return err
	}
	if id > 0 {
		return fmt.Errorf("item %d: %w", id, items.ErrBadHistory)
	}
	if _, err := l.tx.Exec(ctx, changeOfLoad, auditArgs(l.info)); err != nil {
		return err
	}
	if l.swap {
		if err := l.swapIn(ctx); codeOf(err) != codeFilled {
			return err
		}
	}
	return l.merge(ctx)
}

// swapIn puts the tables of the import in the place of the others. The new indexes get the names of the old ones.
func (l *loader) swapIn(ctx context.Context) error {
	type index struct {
		Name, TableName, Definition string
		IsPrimary                   bool
	}
	rows, _ := l.tx.Query(ctx, selectIndexes) // CollectRows returns the error
	indexes, err := pgx.CollectRows(rows, pgx.RowToStructByName[index])
	if err != nil {
		return err
	}
	var renames strings.Builder
	for _, i := range indexes {
		renames.WriteString("\nALTER INDEX import_" + i.Name + " RENAME TO " + i.Name + ";")
		if i.IsPrimary {
			continue
		}
		between := i.Name + " ON "
		create := strings.Replace(i.Definition, between+i.TableName, "import_"+between+"import_"+i.TableName, 1)
		if _, err := l.tx.Exec(ctx, create); err != nil {
			return err
		}
	}
	if _, err := l.tx.Exec(ctx, `SAVEPOINT swap`); err != nil {
		return err
	}
	condition := failIfFilled
	if l.replace {
		condition = clearRest
	}
	for {
		err := l.commit(ctx, beginSwap+condition+swapTables+renames.String()+publish)
		code := codeOf(err)
		if code != codeLockNotAvailable && code != codeFilled {
			return err
		}
		if _, err := l.tx.Exec(ctx, `ROLLBACK TO swap`); err != nil {
			return err
		}
		if code == codeFilled {
			return err
		}
		items.Sleep(ctx, swapPause)
	}
}

// merge copies the rows of the import into the tables of the menu.
func (l *loader) merge(ctx context.Context) error {
	var id int64
	if err := l.tx.QueryRow(ctx, selectConflict).Scan(&id); err != nil {
		return err
	}
	if id > 0 {
		return fmt.Errorf("item %d: %w", id, items.ErrExists)
	}
	for _, statement := range []string{mergeItems, mergeChanges} {
		if _, err := l.tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return l.commit(ctx, commitMerge)
}

// commit sends a message that ends with COMMIT.
func (l *loader) commit(ctx context.Context, message string) error {
	_, err := l.tx.Exec(ctx, message)
	if err != nil && isLost(err) {
		return outage(items.ErrUncertain, err)
	}
	return err
}
