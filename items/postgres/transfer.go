package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/jackc/pgx/v5"

	"menu-api/items"
)

var (
	exportItems = expand(`SELECT id, version, {columns} FROM items ORDER BY id`)

	exportChanges = `
SELECT c.item_id, c.version, c.action, c.author, c.at, c.after_json, previous.after_json AS before_json
FROM changes c
LEFT JOIN changes previous ON previous.item_id = c.item_id AND previous.version = c.version - 1
WHERE c.item_id > 0
ORDER BY c.item_id, c.version`
)

// Export implements items.Store.
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
	var refused error
	give := func(rec items.Record) error {
		refused = yield(rec)
		return refused
	}
	err = forEach(ctx, tx, exportItems, pgx.RowToStructByName[items.Item], func(item items.Item) error {
		return give(items.Record{Item: &item})
	})
	if err == nil && history {
		err = forEach(ctx, tx, exportChanges, rowToChange, func(change items.Change) error {
			return give(items.Record{Change: &change})
		})
	}
	if refused != nil {
		return refused
	}
	return translate(ctx, err)
}

// forEach calls do with one row after the other, without collecting them.
func forEach[T any](ctx context.Context, tx pgx.Tx, statement string, rowTo pgx.RowToFunc[T], do func(T) error) error {
	rows, err := tx.Query(ctx, statement)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		entry, err := rowTo(rows)
		if err != nil {
			return err
		}
		if err := do(entry); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Seed implements items.Store.
func (s *Store) Seed(ctx context.Context, info items.AuditInfo, menu []items.Item) error {
	done, err := readOne(ctx, s, pgx.RowTo[bool], `SELECT EXISTS (SELECT 1 FROM seeded)`, nil)
	if err != nil || done {
		return err
	}
	return s.load(ctx, info, func(l *loader) error {
		mark, err := l.tx.Exec(ctx, markSeeded)
		if err != nil || mark.RowsAffected() == 0 {
			return err // another replica has seeded the database
		}
		for _, item := range menu {
			item.ID, item.Version = 0, 0
			if err := l.add(ctx, items.Record{Item: &item}); err != nil {
				return err
			}
		}
		return l.finish(ctx)
	})
}

const markSeeded = `INSERT INTO seeded (once) VALUES (1) ON CONFLICT DO NOTHING`

// Import implements items.Store. Other writers continue while it adds records, and see them when it is done. Only an
// import that replaces everything makes them wait.
func (s *Store) Import(ctx context.Context, info items.AuditInfo, replace bool, next func() (items.Record, error)) error {
	var refused error
	err := s.load(ctx, info, func(l *loader) error {
		if replace {
			for _, statement := range []string{
				lockWrites, `DELETE FROM items`, `DELETE FROM changes`, `DELETE FROM idempotency_keys`,
				`DELETE FROM feed`, `INSERT INTO feed DEFAULT VALUES`,
			} {
				if _, err := l.tx.Exec(ctx, statement); err != nil {
					return err
				}
			}
		}
		for {
			rec, err := next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				refused = err
				return err
			}
			if err := l.add(ctx, rec); err != nil {
				return err
			}
		}
		if _, err := l.tx.Exec(ctx, markSeeded); err != nil {
			return err
		}
		return l.finish(ctx)
	})
	if refused != nil {
		return refused
	}
	return err
}

// commitLoad ends a load. In the feed, the load is one change, which gets its number under the lock. All of it is one
// message, so a process that stops leaves no lock behind.
const commitLoad = lockWrites + `;
UPDATE changes SET number = nextval('change_numbers') WHERE item_id = 0 AND number IS NULL;
COMMIT`

// load runs add in a transaction, for more records than fit into one message.
func (s *Store) load(ctx context.Context, info items.AuditInfo, add func(*loader) error) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return translate(ctx, err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // which undoes what is not committed
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, CommitQuery: commitLoad})
	if err != nil {
		return translate(ctx, err)
	}
	if err := add(&loader{tx: tx, info: info}); err != nil {
		return translate(ctx, err)
	}
	if err := tx.Commit(ctx); err != nil {
		if isLost(err) {
			return outage(items.ErrUncertain, err)
		}
		return translate(ctx, err)
	}
	s.changed()
	return nil
}

// loader adds records in batches.
type loader struct {
	tx   pgx.Tx
	info items.AuditInfo
	// batch are the records that are not yet written, and first is the number of the first of them.
	batch []items.Record
	first int
	// highest is the highest id of an item or a change.
	highest int64
}

const maxRows = 1000

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

// complete gives new items an id above all ids so far, and their first change.
func (l *loader) complete(ctx context.Context) error {
	if err := l.raiseIDs(ctx); err != nil {
		return err
	}
	var added []*items.Item
	for _, rec := range l.batch {
		if rec.Item != nil && rec.Item.ID == 0 {
			added = append(added, rec.Item)
		}
	}
	rows, _ := l.tx.Query(ctx, `SELECT nextval('item_ids') FROM generate_series(1, @count::bigint)`, pgx.NamedArgs{"count": len(added)})
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	for i, id := range ids {
		added[i].ID = id
	}
	for i, rec := range l.batch {
		if item := rec.Item; item != nil && item.Version == 0 {
			item.Version = 1
			l.batch[i].Change = &items.Change{ItemID: item.ID, Version: 1, Action: items.Created, By: l.info.By, At: l.info.At, After: item}
		}
	}
	return err
}

// raiseIDs keeps the ids of records from being used again. Another writer may have drawn such an id a moment ago; then it
// draws another one.
func (l *loader) raiseIDs(ctx context.Context) error {
	_, err := l.tx.Exec(ctx, `
SELECT setval('item_ids', @highest::bigint)
WHERE @highest::bigint > 0 AND @highest::bigint >= (SELECT last_value FROM item_ids)`, pgx.NamedArgs{"highest": l.highest})
	return err
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
			derived := []any{i.ID, i.Version, items.SearchText(*i), []byte(items.SortKey(i.Name)), []byte(items.SortKey(i.Category))}
			itemRows = append(itemRows, append(derived, i.Values()...))
		}
		if c := rec.Change; c != nil {
			after, err := items.Snapshot(c.After)
			if err != nil {
				return err
			}
			changeRows = append(changeRows, []any{c.ItemID, c.Version, string(c.Action), c.By, c.At, after})
		}
	}
	columns := slices.Concat([]string{"id", "version", "search", "name_key", "group_key"}, items.Columns())
	if _, err = tx.CopyFrom(ctx, pgx.Identifier{"items"}, columns, pgx.CopyFromRows(itemRows)); err != nil {
		return err
	}
	columns = []string{"item_id", "version", "action", "author", "at", "after_json"}
	if _, err = tx.CopyFrom(ctx, pgx.Identifier{"changes"}, columns, pgx.CopyFromRows(changeRows)); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

var (
	// badHistory returns an item whose history has a gap or does not end with the item, or 0.
	badHistory = `
WITH history AS (
	SELECT item_id, count(*) AS changes, max(version) AS last FROM changes WHERE item_id > 0 GROUP BY item_id
)
SELECT coalesce(min(id), 0) FROM (
	SELECT i.id FROM items i LEFT JOIN history h ON h.item_id = i.id WHERE h.last IS DISTINCT FROM i.version
	UNION ALL
	SELECT item_id FROM history WHERE changes <> last
	UNION ALL
	SELECT h.item_id FROM history h JOIN changes c ON c.item_id = h.item_id AND c.version = h.last
	WHERE (c.action = 'delete') = EXISTS (SELECT 1 FROM items WHERE id = h.item_id)
) AS bad (id)`

	// changeOfLoad has no number before commitLoad.
	changeOfLoad = `
INSERT INTO changes (item_id, version, action, author, at)
SELECT 0, nextval('change_numbers'), 'import', @by, @at`
)

// finish writes the last batch and checks the result.
func (l *loader) finish(ctx context.Context) error {
	if err := l.flush(ctx); err != nil {
		return err
	}
	if err := l.raiseIDs(ctx); err != nil {
		return err
	}
	var id int64
	if err := l.tx.QueryRow(ctx, badHistory).Scan(&id); err != nil {
		return err
	}
	if id > 0 {
		return fmt.Errorf("item %d: %w", id, items.ErrBadHistory)
	}
	_, err := l.tx.Exec(ctx, changeOfLoad, pgx.NamedArgs{"by": l.info.By, "at": l.info.At})
	return err
}
