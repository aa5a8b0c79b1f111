package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"

	"menu-api/items"
)

// Export implements items.Store.
func (s *Store) Export(ctx context.Context, history bool, yield func(items.Record) error) error {
	tx, err := s.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return translate(ctx, err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	var refused error
	give := func(rec items.Record) error {
		refused = yield(rec)
		return refused
	}
	err = each(ctx, tx, func(rows pgx.CollectableRow) error {
		item, err := scanItem(rows)
		if err != nil {
			return err
		}
		return give(items.Record{Item: &item})
	}, `SELECT `+columns+` FROM items ORDER BY id`)
	if err == nil && history {
		err = each(ctx, tx, func(rows pgx.CollectableRow) error {
			change, err := scanChange(rows)
			if err != nil {
				return err
			}
			return give(items.Record{Change: &change})
		}, `SELECT `+changeColumns+` FROM changes WHERE item_id > 0 ORDER BY item_id, version`)
	}
	if refused != nil {
		return refused
	}
	return translate(ctx, err)
}

// Import implements items.Store. Other writers go on meanwhile, and see nothing of it until it is done.
func (s *Store) Import(ctx context.Context, stamp items.Stamp, replace bool, next func() (items.Record, error)) error {
	var refused error
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if replace {
			for _, table := range []string{"items", "changes", "idempotency_keys"} {
				if _, err := tx.Exec(ctx, `DELETE FROM `+table); err != nil {
					return err
				}
			}
		}
		loader := loader{tx: tx, stamp: stamp}
		for i := 0; ; i++ {
			rec, err := next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				refused = err
				return err
			}
			if err := loader.add(ctx, i, rec); err != nil {
				return err
			}
		}
		if err := loader.finish(ctx); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO seeded (once) VALUES (1) ON CONFLICT DO NOTHING`); err != nil {
			return err
		}
		return checkHistory(ctx, tx)
	})
	if refused != nil {
		return refused
	}
	return err
}

// inTx runs do in a transaction. It is for what no single statement can do.
func (s *Store) inTx(ctx context.Context, do func(pgx.Tx) error) error {
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		return translate(ctx, err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // does nothing after Commit
	if err := do(tx); err != nil {
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

// loader adds records, some hundreds at a time.
type loader struct {
	tx    pgx.Tx
	stamp items.Stamp
	batch []row
	// highest is the highest id that came with an item or a change.
	highest int64
}

// row is what a record becomes: a row of items, one of changes, or both.
type row struct {
	index  int
	item   *items.Item
	change *items.Change
}

const maxBatch = 1000

func (l *loader) add(ctx context.Context, index int, rec items.Record) error {
	added := row{index: index, change: rec.Change}
	if rec.Item != nil {
		item := *rec.Item
		added.item = &item
		l.highest = max(l.highest, item.ID)
	}
	if rec.Change != nil {
		l.highest = max(l.highest, rec.Change.ItemID)
	}
	l.batch = append(l.batch, added)
	if len(l.batch) < maxBatch {
		return nil
	}
	return l.flush(ctx)
}

// flush writes the batch. If a row of it is there already, the rows are written one by one to learn which.
func (l *loader) flush(ctx context.Context) error {
	defer func() { l.batch = l.batch[:0] }()
	if err := l.number(ctx); err != nil {
		return err
	}
	err := l.copy(ctx, l.batch)
	if !isDuplicate(err) {
		return err
	}
	for i := range l.batch {
		err := l.copy(ctx, l.batch[i:i+1])
		if isDuplicate(err) {
			err = &items.RecordError{Index: l.batch[i].index, Err: items.ErrExists}
		}
		if err != nil {
			return err
		}
	}
	return errors.New("a batch of records has duplicates that its records do not have")
}

// number gives the new items their ids, above those that came with a record so far, and their first change.
func (l *loader) number(ctx context.Context) error {
	if err := l.raiseIDs(ctx); err != nil {
		return err
	}
	var unnumbered []*items.Item
	for _, r := range l.batch {
		if r.item != nil && r.item.ID == 0 {
			unnumbered = append(unnumbered, r.item)
		}
	}
	if len(unnumbered) > 0 {
		err := each(ctx, l.tx, func(rows pgx.CollectableRow) error {
			err := rows.Scan(&unnumbered[0].ID)
			unnumbered = unnumbered[1:]
			return err
		}, `SELECT nextval('item_ids') FROM generate_series(1, $1::bigint)`, len(unnumbered))
		if err != nil {
			return err
		}
	}
	for i := range l.batch {
		if item := l.batch[i].item; item != nil && item.Version == 0 {
			item.Version = 1
			l.batch[i].change = &items.Change{ItemID: item.ID, Version: 1, Action: items.Created, By: l.stamp.By, At: l.stamp.At, After: item}
		}
	}
	return nil
}

// raiseIDs keeps the ids that came with records from being given out again. Another writer may draw an id at the same
// moment, and have it given out twice: Create draws another one then.
func (l *loader) raiseIDs(ctx context.Context) error {
	_, err := l.tx.Exec(ctx, `SELECT setval('item_ids', $1::bigint) WHERE $1::bigint > 0 AND $1::bigint >= (SELECT last_value FROM item_ids)`, l.highest)
	return err
}

// copy writes rows in a nested transaction, so that a failure leaves room for another attempt.
func (l *loader) copy(ctx context.Context, batch []row) error {
	tx, err := l.tx.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	var itemRows, changeRows [][]any
	for _, r := range batch {
		if r.item != nil {
			i := *r.item
			itemRows = append(itemRows, append([]any{i.ID, i.Version}, fieldArgs(i)...))
		}
		if c := r.change; c != nil {
			before, err := items.Snapshot(c.Before)
			if err != nil {
				return err
			}
			after, err := items.Snapshot(c.After)
			if err != nil {
				return err
			}
			changeRows = append(changeRows, []any{c.ItemID, c.Version, string(c.Action), c.By, c.At, before, after})
		}
	}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"items"}, []string{
		"id", "version", "name", "price", "description", "image", "tagline", "category", "calories", "search", "name_key", "group_key",
	}, pgx.CopyFromRows(itemRows))
	if err != nil {
		return err
	}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"changes"}, []string{
		"item_id", "version", "action", "author", "at", "before_json", "after_json",
	}, pgx.CopyFromRows(changeRows))
	if err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// finish writes what is left, and tells the followers of the feed to look at everything.
func (l *loader) finish(ctx context.Context) error {
	if err := l.flush(ctx); err != nil {
		return err
	}
	if err := l.raiseIDs(ctx); err != nil {
		return err
	}
	_, err := l.tx.Exec(ctx, changeOfEverything, string(items.Imported), l.stamp.By, l.stamp.At)
	return err
}

// changeOfEverything is what the followers of the feed see when many items have changed at once.
const changeOfEverything = `WITH turn AS (UPDATE lanes SET seq = seq + 1 WHERE lane = 0 RETURNING lane, seq)
	INSERT INTO changes (item_id, version, lane, seq, action, author, at)
	SELECT 0, seq, lane, seq, $1, $2, $3 FROM turn`

// checkHistory makes sure that the last change of every item is the one that made it what it is.
func checkHistory(ctx context.Context, tx pgx.Tx) error {
	var id int64
	err := tx.QueryRow(ctx, `
		WITH ends AS (SELECT item_id, max(version) AS version FROM changes WHERE item_id > 0 GROUP BY item_id)
		SELECT coalesce(min(id), 0) FROM (
			SELECT i.id FROM items i LEFT JOIN ends e ON e.item_id = i.id WHERE e.version IS DISTINCT FROM i.version
			UNION ALL
			SELECT e.item_id FROM ends e JOIN changes c ON c.item_id = e.item_id AND c.version = e.version
			WHERE (c.action = 'delete') = EXISTS (SELECT 1 FROM items WHERE id = e.item_id)
		) AS misfits`).Scan(&id)
	if err == nil && id > 0 {
		err = fmt.Errorf("item %d: %w", id, items.ErrBadHistory)
	}
	return err
}
