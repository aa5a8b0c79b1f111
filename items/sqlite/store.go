// Package sqlite keeps the menu in an SQLite file: the store for one machine, with nothing to install.
package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"math"
	"sync"

	"menu-api/items"
)

// Store is an items.Store over an SQLite file.
type Store struct {
	file *openFile
	// SQLite has one writer at a time. Writes queue for its one connection in Go, where their contexts can end the wait,
	// and not in SQLite's busy loop. Reads have their own pool: in WAL mode they never wait for the writer.
	writer *writer
	read   *sql.DB
	// scan is the pool of searches and exports, so that they take no connection from the reads that end soon.
	scan     *sql.DB
	notifier items.Notifier
	closed   sync.Once

	// notIndexed holds a value if an import has left items to indexInBackground.
	notIndexed     chan struct{}
	stopBackground context.CancelFunc
	background     sync.WaitGroup
}

var _ items.Store = (*Store)(nil)

// List implements items.Store.
func (s *Store) List(ctx context.Context, query items.Query) (menu []items.Item, err error) {
	if len(query.Words) > 0 {
		menu, err = s.search(ctx, query)
	} else {
		text, args := listStatement(query)
		menu, err = all(ctx, s.read, scanItem, text, args...)
	}
	return menu, translate(ctx, err)
}

// orders are the columns of each order, and the condition that begins a page after an item.
var orders = map[items.Sort]struct{ columns, after string }{
	items.ByID:        {`id`, `id > @after_id`},
	items.ByName:      {`name_key, id`, `(name_key, id) > (@after_name, @after_id)`},
	items.ByPrice:     {`price, id`, `(price, id) > (@after_price, @after_id)`},
	items.ByPriceDown: {`price_down, id`, `(price_down, id) > (-@after_price, @after_id)`},
	items.ByMenu:      {`menu_key, id`, `(menu_key, id) > (@after_menu, @after_id)`},
}

var listItems = statement(`SELECT id, version, {columns} FROM items`)

// listStatement returns the statement for a query without words.
func listStatement(query items.Query) (text string, args []any) {
	where, order, args := listConditions(query)
	text = listItems + ` ` + where + ` ORDER BY ` + order
	if query.Limit > 0 {
		text += ` LIMIT @limit`
		args = append(args, arg("limit", query.Limit))
	}
	return text, args
}

// listConditions returns the conditions of a query, except for its words, and its order. It joins fixed text only; every
// value is a parameter.
func listConditions(query items.Query) (where, columns string, args []any) {
	order, ok := orders[query.Sort]
	if !ok {
		order = orders[items.ByID]
	}
	where = `WHERE true`
	if query.Category != "" {
		where += ` AND group_key = @category AND group_key <> ''` // so that SQLite uses the partial index
		args = append(args, arg("category", query.Category))
	}
	if after := query.After; after != nil {
		where += ` AND ` + order.after
		args = append(args, arg("after_id", after.ID), arg("after_name", after.Name), arg("after_price", after.Price),
			arg("after_menu", after.Menu))
	}
	return where, order.columns, args
}

// Each step finds the next category in the index, so no step reads the items of a category.
var selectCategories = statement(`
WITH RECURSIVE keys (key) AS (
	SELECT * FROM (SELECT group_key FROM items WHERE group_key <> '' ORDER BY group_key LIMIT 1) AS first
	UNION ALL
	SELECT (SELECT group_key FROM items WHERE group_key > key AND group_key <> '' ORDER BY group_key LIMIT 1)
	FROM keys WHERE key IS NOT NULL
), chosen AS (SELECT key FROM keys WHERE key IS NOT NULL LIMIT @limit)
SELECT (SELECT category FROM items WHERE group_key = key AND group_key <> '' ORDER BY id LIMIT 1) FROM chosen ORDER BY key`)

// Categories implements items.Store.
func (s *Store) Categories(ctx context.Context, limit int) ([]string, error) {
	names, err := all(ctx, s.read, scanValue[string], selectCategories, arg("limit", limit))
	return names, translate(ctx, err)
}

var getItem = statement(`SELECT id, version, {columns} FROM items WHERE id = @id`)

// Get implements items.Store.
func (s *Store) Get(ctx context.Context, id int64) (items.Item, error) {
	item, err := one(ctx, s.read, scanItem, getItem, arg("id", id))
	return item, translate(ctx, err)
}

// write runs do in a write transaction, which it may share with other writes. It returns the errors of do unchanged and
// those of the engine translated.
func (s *Store) write(ctx context.Context, do func(context.Context, *conn) (items.Item, error)) (items.Item, error) {
	var item items.Item
	err := s.writer.run(ctx, func(ctx context.Context, tx *conn) (err error) {
		item, err = do(ctx, tx)
		return err
	})
	if err != nil {
		return items.Item{}, translate(ctx, err)
	}
	s.notifier.Notify()
	return item, nil
}

// Create implements items.Store.
func (s *Store) Create(ctx context.Context, info items.AuditInfo, item items.Item) (items.Item, error) {
	return s.write(ctx, func(ctx context.Context, tx *conn) (items.Item, error) {
		return once(ctx, tx, info, func() (items.Item, error) {
			item.ID, item.Version = 0, 1
			return add(ctx, tx, info, items.Created, item)
		})
	})
}

// An item with the id 0 gets the next id.
var insertItem = statement(`
INSERT INTO items (id, version, {columns}, search, name_key, group_key, indexed)
VALUES (nullif(@id, 0), @version, {values}, @search, @name_key, @group_key, @indexed)`)

// add stores an item that is not there, and the change that adds it.
func add(ctx context.Context, tx *conn, info items.AuditInfo, action items.Action, item items.Item) (items.Item, error) {
	inserted, err := tx.exec(ctx, insertItem, append(itemArgs(item), arg("indexed", item.Version))...)
	if err != nil {
		return items.Item{}, err
	}
	if item.ID, err = inserted.LastInsertId(); err != nil {
		return items.Item{}, err
	}
	tx.written = append(tx.written, item.ID)
	err = record(ctx, tx, info, action, item.ID, item.Version, &item)
	return item, err
}

var updateItem = statement(`
UPDATE items
SET version = @version, {assignments}, search = @search, name_key = @name_key, group_key = @group_key, indexed = @version
WHERE id = @id`)

// Update implements items.Store.
func (s *Store) Update(ctx context.Context, info items.AuditInfo, id int64, change func(items.Item) (items.Item, error)) (items.Item, error) {
	return s.write(ctx, func(ctx context.Context, tx *conn) (items.Item, error) {
		current, err := one(ctx, tx, scanItem, getItem, arg("id", id))
		if err != nil {
			return items.Item{}, err
		}
		item, err := change(current)
		if err != nil {
			return items.Item{}, err
		}
		return save(ctx, tx, info, id, items.State{Item: &current, Version: current.Version}, &item)
	})
}

var deleteItem = statement(`DELETE FROM items WHERE id = @id`)

// Delete implements items.Store.
func (s *Store) Delete(ctx context.Context, info items.AuditInfo, id int64, allow func(items.Item) error) (items.Item, error) {
	return s.write(ctx, func(ctx context.Context, tx *conn) (items.Item, error) {
		current, err := one(ctx, tx, scanItem, getItem, arg("id", id))
		if err != nil {
			return items.Item{}, err
		}
		if err := allow(current); err != nil {
			return items.Item{}, err
		}
		return save(ctx, tx, info, id, items.State{Item: &current, Version: current.Version}, nil)
	})
}

// save makes the item with the id what after says, nil for nothing, and adds the change. It returns the item as stored, or
// as it was before it was deleted. An item that did not exist is restored.
func save(ctx context.Context, tx *conn, info items.AuditInfo, id int64, current items.State, after *items.Item) (items.Item, error) {
	version := current.Version + 1
	if after == nil {
		for _, statement := range []string{deleteItem, deleteIndexed} {
			if _, err := tx.exec(ctx, statement, arg("id", id)); err != nil {
				return items.Item{}, err
			}
		}
		return *current.Item, record(ctx, tx, info, items.Deleted, id, version, nil)
	}
	item := *after
	item.ID, item.Version = id, version
	if current.Item == nil {
		return add(ctx, tx, info, items.Restored, item)
	}
	if _, err := tx.exec(ctx, updateItem, itemArgs(item)...); err != nil {
		return items.Item{}, err
	}
	tx.written = append(tx.written, id)
	err := record(ctx, tx, info, items.Updated, id, version, &item)
	return item, err
}

// Restore implements items.Store.
func (s *Store) Restore(ctx context.Context, info items.AuditInfo, id int64) (items.Item, error) {
	return s.write(ctx, func(ctx context.Context, tx *conn) (items.Item, error) {
		return once(ctx, tx, info, func() (items.Item, error) {
			changes, err := history(ctx, tx, id, math.MaxInt64, 1)
			if err != nil {
				return items.Item{}, err
			}
			last := changes[0]
			if last.Action != items.Deleted {
				return items.Item{}, items.ErrNotDeleted
			}
			return save(ctx, tx, info, id, items.State{Version: last.Version}, last.Before)
		})
	})
}

var insertChange = statement(`
INSERT INTO changes (seq, item_id, version, action, author, author_name, at, batch, after_json)
VALUES (@seq, @item_id, @version, @action, @author, @author_name, @at, @batch, @after)`)

// record adds a change to the history. SQLite gives it the next number of the feed.
func record(ctx context.Context, tx *conn, info items.AuditInfo, action items.Action, id, version int64, after *items.Item) error {
	return recordAs(ctx, tx, nil, info.Change(action, id, version, after))
}

func recordAs(ctx context.Context, tx *conn, seq any, change items.Change) error {
	after, err := items.Snapshot(change.After)
	if err != nil {
		return err
	}
	_, err = tx.exec(ctx, insertChange, arg("seq", seq), arg("item_id", change.ItemID), arg("version", change.Version),
		arg("action", change.Action), arg("author", change.By), arg("author_name", change.ByName),
		arg("at", change.At.UnixMilli()), arg("batch", change.Batch), arg("after", after))
	return err
}

// scanChange reads a row with the columns number, item_id, version, action, author, author_name, at, batch, after and before.
func scanChange(row *sql.Rows) (change items.Change, err error) {
	var (
		at            int64
		after, before *string
	)
	err = row.Scan(&change.Number, &change.ItemID, &change.Version, &change.Action, &change.By, &change.ByName, &at, &change.Batch,
		&after, &before)
	if err != nil {
		return change, err
	}
	change.At = items.TimeOf(at)
	if change.After, err = items.FromSnapshot(after, change.Version); err != nil {
		return change, err
	}
	change.Before, err = items.FromSnapshot(before, change.Version-1)
	return change, err
}

var (
	selectHistory = statement(`
SELECT 0, c.item_id, c.version, c.action, c.author, c.author_name, c.at, c.batch, c.after_json, previous.after_json
FROM changes c LEFT JOIN changes previous ON previous.item_id = c.item_id AND previous.version = c.version - 1
WHERE c.item_id = @id AND c.version < @before
ORDER BY c.version DESC LIMIT @limit`)

	selectRecent = statement(`
SELECT 0, c.item_id, c.version, c.action, c.author, c.author_name, c.at, c.batch, c.after_json, previous.after_json
FROM changes c LEFT JOIN changes previous ON previous.item_id = c.item_id AND previous.version = c.version - 1
WHERE c.item_id > 0 AND (c.at, c.item_id, c.version) < (@at, @id, @version)
ORDER BY c.at DESC, c.item_id DESC, c.version DESC LIMIT @limit`)

	hasHistory = statement(`SELECT EXISTS (SELECT 1 FROM changes WHERE item_id = @id)`)
)

// History implements items.Store.
func (s *Store) History(ctx context.Context, id, before int64, limit int) ([]items.Change, error) {
	if before == 0 {
		before = math.MaxInt64
	}
	changes, err := history(ctx, s.read, id, before, limit)
	return changes, translate(ctx, err)
}

func history(ctx context.Context, q querier, id, before int64, limit int) ([]items.Change, error) {
	changes, err := all(ctx, q, scanChange, selectHistory, arg("id", id), arg("before", before), arg("limit", limit))
	if err != nil || len(changes) > 0 {
		return changes, err
	}
	known, err := value[bool](ctx, q, hasHistory, arg("id", id))
	if err == nil && !known {
		err = items.ErrNotFound
	}
	return changes, err
}

// Recent implements items.Store.
func (s *Store) Recent(ctx context.Context, before items.ChangeKey, limit int) ([]items.Change, error) {
	changes, err := all(ctx, s.read, scanChange, selectRecent,
		arg("at", before.At.UnixMilli()), arg("id", before.ItemID), arg("version", before.Version), arg("limit", limit))
	return changes, translate(ctx, err)
}

var (
	selectChanges = statement(`
SELECT seq, item_id, version, action, author, author_name, at, batch, after_json, NULL
FROM changes WHERE seq > @after ORDER BY seq LIMIT @limit`)

	selectFeed = statement(`SELECT id, (SELECT max(0, coalesce(max(seq), 0)) FROM changes), pruned FROM feed`)
)

// Changes implements items.Store. Imported history has negative numbers.
func (s *Store) Changes(ctx context.Context, after int64, limit int) ([]items.Change, error) {
	changes, err := all(ctx, s.read, scanChange, selectChanges, arg("after", max(after, 0)), arg("limit", limit))
	return changes, translate(ctx, err)
}

// Feed implements items.Store.
func (s *Store) Feed(ctx context.Context) (items.Feed, error) {
	feed, err := one(ctx, s.read, scanFeed, selectFeed)
	return feed, translate(ctx, err)
}

func scanFeed(row *sql.Rows) (feed items.Feed, err error) {
	err = row.Scan(&feed.ID, &feed.Newest, &feed.Pruned)
	return feed, err
}

// Wait implements items.Store. Writes of this process notify it; it finds those of other processes at the next poll.
func (s *Store) Wait(ctx context.Context) error { return s.notifier.Wait(ctx) }

var (
	// For a request that changed several items, these are all its changes, or one row without a change.
	selectKey = statement(`
SELECT k.fingerprint, c.item_id, c.version, c.after_json
FROM idempotency_keys k LEFT JOIN changes c ON c.item_id = k.item_id AND c.version = k.version
WHERE k.id = @id AND k.at > @expired AND k.batch = ''
UNION ALL
SELECT k.fingerprint, c.item_id, c.version, c.after_json
FROM idempotency_keys k LEFT JOIN changes c ON c.batch = k.batch AND c.batch <> ''
WHERE k.id = @id AND k.at > @expired AND k.batch <> ''
ORDER BY 2`)

	insertKey = statement(`
INSERT OR REPLACE INTO idempotency_keys (id, fingerprint, at, item_id, version, batch)
VALUES (@id, @fingerprint, @at, @item_id, @version, @batch)`)
)

// once is onceForAll for a write of one item.
func once(ctx context.Context, tx *conn, info items.AuditInfo, do func() (items.Item, error)) (items.Item, error) {
	list, err := onceForAll(ctx, tx, info, func() ([]items.Item, error) {
		item, err := do()
		return []items.Item{item}, err
	})
	if err != nil || len(list) == 0 {
		return items.Item{}, cmp.Or(err, items.ErrNotFound) // the history of the item was removed
	}
	return list[0], nil
}

// onceForAll runs do, unless an earlier request had the same idempotency key: then it returns what that request returned.
func onceForAll(ctx context.Context, tx *conn, info items.AuditInfo, do func() ([]items.Item, error)) ([]items.Item, error) {
	key := info.Key
	if key == nil {
		return do()
	}
	id, expired := arg("id", key.ID(info.By)), arg("expired", info.At.Add(-items.KeyLifetime).UnixMilli())
	isUsed, earlier := false, []items.Item{}
	err := each(ctx, tx, func(row *sql.Rows) error {
		var fingerprint []byte
		var itemID, version sql.NullInt64
		var after *string
		if err := row.Scan(&fingerprint, &itemID, &version, &after); err != nil {
			return err
		}
		if !bytes.Equal(fingerprint, key.Fingerprint[:]) {
			return items.ErrKeyReused
		}
		isUsed = true
		item, err := items.FromSnapshot(after, version.Int64)
		if item != nil {
			earlier = append(earlier, *item)
		}
		return err
	}, selectKey, id, expired)
	if err != nil || isUsed {
		return earlier, err
	}
	list, err := do()
	if err != nil {
		return nil, err
	}
	var only items.Item // of a request that changes one item
	if info.Batch == "" {
		only = list[0]
	}
	_, err = tx.exec(ctx, insertKey, id, arg("fingerprint", key.Fingerprint[:]), arg("at", info.At.UnixMilli()),
		arg("item_id", only.ID), arg("version", only.Version), arg("batch", info.Batch))
	return list, err
}

// Ping implements items.Store. It reads from the file, unlike the ping of the driver.
func (s *Store) Ping(ctx context.Context) error {
	_, err := value[bool](ctx, s.read, isSeeded)
	return translate(ctx, errors.Join(err, s.file.check()))
}

// Close implements items.Store. It closes the writer last, which checkpoints the WAL.
func (s *Store) Close() (err error) {
	s.closed.Do(func() {
		s.stopBackground()
		s.background.Wait()
		err = errors.Join(s.scan.Close(), s.read.Close())
		if s.writer != nil { // nil if the file was opened to read
			err = errors.Join(err, s.writer.close())
		}
	})
	return err
}
