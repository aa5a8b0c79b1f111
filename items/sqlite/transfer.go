package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"

	"menu-api/items"
)

// Export implements items.Store. One read transaction sees one moment; in WAL mode it holds no writer up.
func (s *Store) Export(ctx context.Context, history bool, yield func(items.Record) error) error {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return translate(ctx, err)
	}
	defer func() { _ = tx.Rollback() }()
	snapshot := transaction{tx}
	err = each(ctx, snapshot, func(row scanner) error {
		item, err := scan(row)
		if err != nil {
			return err
		}
		return yield(items.Record{Item: &item})
	}, `SELECT `+columns+` FROM items ORDER BY id`)
	if err == nil && history {
		err = each(ctx, snapshot, func(row scanner) error {
			change, err := scanChange(row)
			if err != nil {
				return err
			}
			return yield(items.Record{Change: &change})
		}, `SELECT `+changeColumns+` FROM changes WHERE item_id > 0 ORDER BY item_id, version`)
	}
	return translate(ctx, err)
}

// transaction is a querier inside a transaction that reads.
type transaction struct{ *sql.Tx }

func (tx transaction) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	return tx.QueryContext(ctx, text, args...)
}

// Import implements items.Store. It keeps other writers waiting until it is done.
func (s *Store) Import(ctx context.Context, stamp items.Stamp, replace bool, next func() (items.Record, error)) error {
	err := s.writer.runExclusively(ctx, func(_ context.Context, tx *conn) error {
		// Under ctx: the transaction is this call's alone, so nobody else minds when it is interrupted.
		if replace {
			for _, table := range []string{"items", "changes", "idempotency_keys"} {
				if _, err := tx.exec(ctx, `DELETE FROM `+table); err != nil {
					return err
				}
			}
		}
		if err := load(ctx, tx, stamp, next); err != nil {
			return err
		}
		if err := checkHistory(ctx, tx); err != nil {
			return err
		}
		return finishImport(ctx, tx, stamp)
	})
	if err == nil {
		s.bell.Ring()
	}
	return translate(ctx, err)
}

// load adds the records one by one. Their changes are no news: their numbers in the sequence go down from zero.
func load(ctx context.Context, tx *conn, stamp items.Stamp, next func() (items.Record, error)) error {
	seq, err := value[int64](ctx, tx, `SELECT min(0, coalesce(min(seq), 0)) FROM changes`)
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		rec, err := next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		change := rec.Change
		if item := rec.Item; item != nil {
			if change, err = loadItem(ctx, tx, stamp, *item); err != nil {
				return recordError(i, err)
			}
		}
		if change != nil {
			seq--
			if err := recordAs(ctx, tx, &seq, *change); err != nil {
				return recordError(i, err)
			}
		}
	}
}

// loadItem adds an item and returns the change to record for it, nil if its history comes along.
func loadItem(ctx context.Context, tx *conn, stamp items.Stamp, item items.Item) (*items.Change, error) {
	known, err := value[bool](ctx, tx, `SELECT EXISTS (SELECT 1 FROM changes WHERE item_id = ?)`, item.ID)
	if err == nil && known && item.ID != 0 {
		err = items.ErrExists
	}
	if err != nil {
		return nil, err
	}
	isNew := item.Version == 0
	if isNew {
		item.Version = 1
	}
	added, err := insert(ctx, tx, item)
	if err != nil || !isNew {
		return nil, err
	}
	return &items.Change{ItemID: added.ID, Version: 1, Action: items.Created, By: stamp.By, At: stamp.At, After: &added}, nil
}

// recordError says which record the engine refused, and why where that is known: an id or a version that is there twice.
func recordError(index int, err error) error {
	if isDuplicate(err) {
		err = items.ErrExists
	}
	return &items.RecordError{Index: index, Err: err}
}

// checkHistory makes sure that the last change of every item is the one that made it what it is.
func checkHistory(ctx context.Context, tx *conn) error {
	id, err := value[int64](ctx, tx, `
		WITH ends AS (SELECT item_id, max(version) AS version FROM changes WHERE item_id > 0 GROUP BY item_id)
		SELECT coalesce(min(id), 0) FROM (
			SELECT i.id FROM items i LEFT JOIN ends e ON e.item_id = i.id WHERE e.version IS NOT i.version
			UNION ALL
			SELECT e.item_id FROM ends e JOIN changes c ON c.item_id = e.item_id AND c.version = e.version
			WHERE (c.action = 'delete') = EXISTS (SELECT 1 FROM items WHERE id = e.item_id)
		)`)
	if err == nil && id > 0 {
		err = fmt.Errorf("item %d: %w", id, items.ErrBadHistory)
	}
	return err
}

// finishImport keeps the ids that the history names from being given out again, and tells the followers of the feed to
// look at everything.
func finishImport(ctx context.Context, tx *conn, stamp items.Stamp) error {
	if _, err := markSeeded(ctx, tx); err != nil {
		return err
	}
	last, err := value[int64](ctx, tx, `SELECT coalesce(max(item_id), 0) FROM changes`)
	if err != nil {
		return err
	}
	raised, err := value[int64](ctx, tx, `SELECT count(*) FROM sqlite_sequence WHERE name = 'items'`)
	if err != nil {
		return err
	}
	statement := `UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'items'`
	if raised == 0 {
		statement = `INSERT INTO sqlite_sequence (name, seq) VALUES ('items', ?)`
	}
	if _, err := tx.exec(ctx, statement, last); err != nil {
		return err
	}
	version, err := value[int64](ctx, tx, `SELECT coalesce(max(version), 0) + 1 FROM changes WHERE item_id = 0`)
	if err != nil {
		return err
	}
	return record(ctx, tx, items.Change{Version: version, Action: items.Imported, By: stamp.By, At: stamp.At})
}
