package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"menu-api/items"
)

var exportChanges = statement(`
SELECT 0, item_id, version, action, author, author_name, at, batch, after_json, NULL
FROM changes WHERE item_id > 0 ORDER BY item_id, version`)

// Export implements items.Store. A read transaction sees one moment; in WAL mode it delays no writer.
func (s *Store) Export(ctx context.Context, history bool, yield func(items.Record) error) error {
	tx, err := s.scan.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return translate(ctx, err)
	}
	defer func() { _ = tx.Rollback() }()
	err = eachItem(ctx, tx, func(item items.Item) error { return yield(items.Record{Item: &item}) })
	if err == nil && history {
		err = each(ctx, tx, func(row *sql.Rows) error {
			change, err := scanChange(row)
			if err != nil {
				return err
			}
			return yield(items.Record{Change: &change})
		}, exportChanges)
	}
	return translate(ctx, err)
}

// eachItem calls do with every item, ids ascending. It reads the columns that the table has: a database of the release before
// lacks the newest.
func eachItem(ctx context.Context, tx *sql.Tx, do func(items.Item) error) error {
	present, err := all(ctx, tx, scanValue[string], `SELECT name FROM pragma_table_info('items')`)
	if err != nil {
		return err
	}
	columns := []string{`id`, `version`}
	var fields []int
	for i, column := range items.Columns() {
		if slices.Contains(present, column) {
			columns = append(columns, column)
			fields = append(fields, i)
		}
	}
	return each(ctx, tx, func(row *sql.Rows) error {
		var item items.Item
		targets, pointers := []any{&item.ID, &item.Version}, item.Pointers()
		for _, i := range fields {
			targets = append(targets, pointers[i])
		}
		if err := row.Scan(targets...); err != nil {
			return err
		}
		return do(item)
	}, `SELECT `+strings.Join(columns, `, `)+` FROM items ORDER BY id`)
}

var (
	deleteItems       = statement(`DELETE FROM items`)
	deleteChanges     = statement(`DELETE FROM changes`)
	deleteAllKeys     = statement(`DELETE FROM idempotency_keys`)
	replaceFeed       = statement(`UPDATE feed SET id = lower(hex(randomblob(8))), pruned = 0`)
	selectItemIndexes = statement(`SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'items' AND sql IS NOT NULL`)
	hasItems          = statement(`SELECT EXISTS (SELECT 1 FROM items)`)
)

// Import implements items.Store. Other writes wait until it has ended.
func (s *Store) Import(ctx context.Context, info items.AuditInfo, replace bool, next func() (items.Record, error)) error {
	return s.load(ctx, func(tx *conn) error {
		if replace {
			if err := tx.run(ctx, deleteItems, clearIndex, deleteChanges, deleteAllKeys, replaceFeed); err != nil {
				return err
			}
		}
		l := loader{tx: tx, info: info}
		err := inBulk(ctx, tx, func() error { return l.load(ctx, next) })
		if err == nil && l.hasHistory {
			err = checkHistory(ctx, tx)
		}
		return err
	})
}

var deleteAndRecord = statement(`
INSERT INTO changes (seq, item_id, version, action, author, author_name, at, batch)
SELECT (SELECT min(0, coalesce(min(seq), 0)) FROM changes) - @reserved + row_number() OVER (ORDER BY id),
	id, version + 1, 'delete', @author, @author_name, @at, @batch
FROM items`)

// Reset implements items.Store. Other writes wait until it has ended. Its changes have no number in the feed, except
// for the last one, which says that many items have changed.
func (s *Store) Reset(ctx context.Context, info items.AuditInfo, menu []items.Item) (added []items.Item, err error) {
	err = s.load(ctx, func(tx *conn) error {
		_, err := tx.exec(ctx, deleteAndRecord, arg("reserved", reserved), arg("author", info.By), arg("author_name", info.Name),
			arg("at", info.At.UnixMilli()), arg("batch", info.Batch))
		if err != nil {
			return err
		}
		if err := tx.run(ctx, deleteItems, clearIndex); err != nil {
			return err
		}
		l := loader{tx: tx, info: info}
		if err := l.load(ctx, newItems(menu)); err != nil {
			return err
		}
		added, err = all(ctx, tx, scanItem, listItems+` ORDER BY id`)
		return err
	})
	return added, err
}

// newItems returns the items as records for an import, which gives them new ids.
func newItems(menu []items.Item) func() (items.Record, error) {
	return func() (items.Record, error) {
		if len(menu) == 0 {
			return items.Record{}, io.EOF
		}
		item := menu[0]
		item.ID, item.Version = 0, 0
		menu = menu[1:]
		return items.Record{Item: &item}, nil
	}
}

var (
	isSeeded  = statement(`SELECT EXISTS (SELECT 1 FROM seeded)`)
	setSeeded = statement(`INSERT OR IGNORE INTO seeded (once) VALUES (1)`)
)

// Seed implements items.Store. It checks first whether there is anything to do, so that most starts wait for no writer.
func (s *Store) Seed(ctx context.Context, info items.AuditInfo, menu []items.Item) error {
	if done, err := value[bool](ctx, s.read, isSeeded); err != nil || done {
		return translate(ctx, err)
	}
	return s.load(ctx, func(tx *conn) error {
		if done, err := value[bool](ctx, tx, isSeeded); err != nil || done {
			return err
		}
		l := loader{tx: tx, info: info}
		return l.load(ctx, newItems(menu))
	})
}

var lastVersion = statement(`SELECT coalesce(max(version), 0) FROM changes WHERE item_id = @id`)

// UpdateMany implements items.Store. Other writes wait until it has ended.
func (s *Store) UpdateMany(
	ctx context.Context, info items.AuditInfo, ids []int64, at *items.Feed, change func([]items.State) ([]*items.Item, error),
) (changed []items.Item, err error) {
	err = s.load(ctx, func(tx *conn) error {
		changed, err = onceForAll(ctx, tx, info, func() ([]items.Item, error) { return updateMany(ctx, tx, info, ids, at, change) })
		return err
	})
	return changed, err
}

func updateMany(
	ctx context.Context, tx *conn, info items.AuditInfo, ids []int64, at *items.Feed, change func([]items.State) ([]*items.Item, error),
) ([]items.Item, error) {
	current := make([]items.State, len(ids))
	for i, id := range ids {
		item, err := one(ctx, tx, scanItem, getItem, arg("id", id))
		switch {
		case err == nil:
			current[i] = items.State{Item: &item, Version: item.Version}
		case errors.Is(err, sql.ErrNoRows):
			current[i].Version, err = value[int64](ctx, tx, lastVersion, arg("id", id))
		}
		if err != nil {
			return nil, err
		}
	}
	after, err := change(current)
	if err != nil {
		return nil, err
	}
	if at != nil {
		feed, err := one(ctx, tx, scanFeed, selectFeed)
		if err != nil {
			return nil, err
		}
		if feed.ID != at.ID || feed.Newest != at.Newest {
			return nil, items.ErrMenuChanged
		}
	}
	changed := []items.Item{}
	for i, id := range ids {
		if current[i].Item == nil && after[i] == nil {
			continue // it stays deleted
		}
		item, err := save(ctx, tx, info, id, current[i], after[i])
		if err != nil {
			return nil, err
		}
		if after[i] != nil {
			changed = append(changed, item)
		}
	}
	return changed, nil
}

// load runs do in its own transaction, under the caller's context. The background indexes the items that do imports.
func (s *Store) load(ctx context.Context, do func(*conn) error) error {
	err := s.writer.runAlone(ctx, func(_ context.Context, tx *conn) error { return do(tx) })
	if err == nil {
		s.notifier.Notify()
		select {
		case s.notIndexed <- struct{}{}:
		default: // the background has not seen the last one yet
		}
	}
	return translate(ctx, err)
}

// How much of the database the connection that writes holds in memory, in KiB: usually, and during an import. With less,
// SQLite writes the pages that an import changes often to the disk and reads them back each time.
const (
	usualCache = `PRAGMA cache_size = -2000`
	bulkCache  = `PRAGMA cache_size = -16000`
)

// inBulk runs do, which adds many rows. In an empty menu it creates the indexes afterwards: sorting all rows once costs a
// fraction of inserting each into its place.
func inBulk(ctx context.Context, tx *conn, do func() error) error {
	if err := tx.run(ctx, bulkCache); err != nil {
		return err
	}
	defer func() { _ = tx.run(context.WithoutCancel(ctx), usualCache) }()
	filled, err := value[bool](ctx, tx, hasItems)
	if err != nil {
		return err
	}
	if filled {
		return do()
	}
	type index struct{ name, create string }
	indexes, err := all(ctx, tx, func(row *sql.Rows) (i index, err error) {
		err = row.Scan(&i.name, &i.create)
		return i, err
	}, selectItemIndexes)
	if err != nil {
		return err
	}
	for _, index := range indexes {
		if _, err := tx.ExecContext(ctx, `DROP INDEX `+index.name); err != nil {
			return err
		}
	}
	if err := do(); err != nil {
		return err
	}
	for _, index := range indexes {
		if _, err := tx.ExecContext(ctx, index.create); err != nil {
			return err
		}
	}
	return nil
}

// reserved is how many changes one import has numbers for.
const reserved = 1 << 40

var (
	selectLastID = statement(`
SELECT max(
	coalesce((SELECT max(item_id) FROM changes), 0),
	coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'items'), 0))`)

	selectFirstFree = statement(`SELECT min(0, coalesce(min(seq), 0)) - @reserved FROM changes`)
)

// loader adds records one by one.
type loader struct {
	tx   *conn
	info items.AuditInfo
	// usedID is the highest id that was used before, lastID the highest so far.
	usedID, lastID int64
	// seq is the last key in the table of changes. An imported history is not in the feed, so its keys are negative. They
	// rise nevertheless, because appending to a table is fastest.
	seq int64
	// hasHistory is true if there was a record of a change or of an item with a version.
	hasHistory bool
}

func (l *loader) load(ctx context.Context, next func() (items.Record, error)) (err error) {
	if l.usedID, err = value[int64](ctx, l.tx, selectLastID); err != nil {
		return err
	}
	l.lastID = l.usedID
	if l.seq, err = value[int64](ctx, l.tx, selectFirstFree, arg("reserved", reserved)); err != nil {
		return err
	}
	// The driver starts a goroutine for every statement whose context can end. Here, next ends with the context.
	rows := context.WithoutCancel(ctx)
	for i := 0; ; i++ {
		rec, err := next()
		if errors.Is(err, io.EOF) {
			return l.finish(ctx)
		}
		if err != nil {
			return err
		}
		if err := l.add(rows, rec); err != nil {
			if isDuplicate(err) { // of an id, or of a version
				err = items.ErrExists
			}
			return &items.RecordError{Index: i, Err: err}
		}
	}
}

func (l *loader) add(ctx context.Context, rec items.Record) error {
	change := rec.Change
	l.hasHistory = l.hasHistory || change != nil || rec.Item.Version > 0
	if rec.Item != nil {
		item := *rec.Item
		if item.ID == 0 {
			item.ID = l.lastID + 1
		} else if item.ID <= l.usedID {
			used, err := value[bool](ctx, l.tx, hasHistory, arg("id", item.ID))
			if err != nil {
				return err
			}
			if used {
				return items.ErrExists
			}
		}
		l.lastID = max(l.lastID, item.ID)
		if item.Version == 0 {
			item.Version = 1
			created := l.info.Change(items.Created, item.ID, item.Version, &item)
			change = &created
		}
		if _, err := l.tx.exec(ctx, insertItem, append(itemArgs(item), arg("indexed", 0))...); err != nil {
			return err
		}
	}
	if change == nil {
		return nil
	}
	l.seq++
	return recordAs(ctx, l.tx, l.seq, *change)
}

var selectBadHistory = statement(`
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
)`)

// checkHistory checks that every history has no gap, does not begin with a deletion, and ends with the item as it is. It need
// not begin with version 1, because of HISTORY_RETENTION.
func checkHistory(ctx context.Context, tx *conn) error {
	id, err := value[int64](ctx, tx, selectBadHistory)
	if err == nil && id > 0 {
		err = fmt.Errorf("item %d: %w", id, items.ErrBadHistory)
	}
	return err
}

var (
	raiseLastID = statement(`
UPDATE sqlite_sequence SET seq = max(seq, (SELECT coalesce(max(item_id), 0) FROM changes)) WHERE name = 'items'`)
	// SQLite creates the row with the first item. An import may bring the history of deleted items only.
	insertLastID = statement(`
INSERT INTO sqlite_sequence (name, seq)
SELECT 'items', (SELECT coalesce(max(item_id), 0) FROM changes)
WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'items')`)

	insertImport = statement(`
INSERT INTO changes (item_id, version, action, author, at)
SELECT 0, coalesce(max(version), 0) + 1, 'import', @author, @at FROM changes WHERE item_id = 0`)
)

// finish reserves the ids in the history and adds one change of many items to the feed.
func (l *loader) finish(ctx context.Context) error {
	if err := l.tx.run(ctx, setSeeded, raiseLastID, insertLastID); err != nil {
		return err
	}
	_, err := l.tx.exec(ctx, insertImport, arg("author", l.info.By), arg("at", l.info.At.UnixMilli()))
	return err
}
