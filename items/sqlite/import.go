package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"

	"menu-api/items"
)

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
		l := loader{tx: tx, stamp: stamp}
		if err := inBulk(ctx, tx, func() error { return l.load(ctx, next) }); err != nil {
			return err
		}
		if l.broughtHistory {
			if err := checkHistory(ctx, tx); err != nil {
				return err
			}
		}
		return finishImport(ctx, tx, stamp)
	})
	if err == nil {
		s.bell.Ring()
	}
	return translate(ctx, err)
}

// bulkCache is how much of the database an import holds in memory, in KiB. Less, and pages that are written to again and
// again go to the disk and back each time.
const bulkCache = 16 << 10

// inBulk runs do with room for many rows. A menu that is empty gets its indexes afterwards: to sort all rows once is a
// fraction of the work of putting each into its place.
func inBulk(ctx context.Context, tx *conn, do func() error) error {
	usual, err := value[int64](ctx, tx, `PRAGMA cache_size`)
	if err != nil {
		return err
	}
	if err := tx.setCache(ctx, -bulkCache); err != nil {
		return err
	}
	defer func() { _ = tx.setCache(context.WithoutCancel(ctx), usual) }()
	filled, err := value[bool](ctx, tx, `SELECT EXISTS (SELECT 1 FROM items)`)
	if err != nil {
		return err
	}
	if filled {
		return do()
	}
	indexes, err := dropIndexes(ctx, tx)
	if err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	for _, statement := range indexes {
		if _, err := tx.db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// dropIndexes removes the indexes of the items and returns the statements that make them again.
func dropIndexes(ctx context.Context, tx *conn) (statements []string, err error) {
	var names []string
	err = each(ctx, tx, func(row scanner) error {
		var name, statement string
		err := row.Scan(&name, &statement)
		names, statements = append(names, name), append(statements, statement)
		return err
	}, `SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'items' AND sql IS NOT NULL`)
	for _, name := range names {
		if err == nil {
			_, err = tx.db.ExecContext(ctx, `DROP INDEX `+name)
		}
	}
	return statements, err
}

// maxImport is how many changes one import has numbers for.
const maxImport = 1 << 40

// loader adds records one by one.
type loader struct {
	tx    *conn
	stamp items.Stamp
	// before is the highest id that was given out before the import, last the highest until now.
	before, last int64
	// seq is the last number in the sequence of changes. Those of an import are no news: their numbers are below zero. They
	// rise nevertheless, since a table is fastest to fill at its end.
	seq int64
	// broughtHistory says that a record is not new, but has a past.
	broughtHistory bool
}

func (l *loader) load(ctx context.Context, next func() (items.Record, error)) (err error) {
	l.before, err = value[int64](ctx, l.tx, `SELECT max(coalesce((SELECT max(item_id) FROM changes), 0),
		coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'items'), 0))`)
	if err != nil {
		return err
	}
	l.last = l.before
	if l.seq, err = value[int64](ctx, l.tx, `SELECT min(0, coalesce(min(seq), 0)) - ? FROM changes`, maxImport); err != nil {
		return err
	}
	for i := 0; ; i++ {
		rec, err := next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := l.add(ctx, rec); err != nil {
			if isDuplicate(err) { // an id or a version that is there twice
				err = items.ErrExists
			}
			return &items.RecordError{Index: i, Err: err}
		}
	}
}

func (l *loader) add(ctx context.Context, rec items.Record) error {
	change := rec.Change
	l.broughtHistory = l.broughtHistory || change != nil || rec.Item.Version > 0
	if rec.Item != nil {
		item := *rec.Item
		if err := l.assign(ctx, &item); err != nil {
			return err
		}
		if item.Version == 0 {
			item.Version = 1
			change = &items.Change{ItemID: item.ID, Version: 1, Action: items.Created, By: l.stamp.By, At: l.stamp.At, After: &item}
		}
		if err := l.addItem(ctx, item); err != nil {
			return err
		}
	}
	if change == nil {
		return nil
	}
	l.seq++
	return recordAs(ctx, l.tx, &l.seq, *change)
}

// assign gives the item an id unless it has one, which must never have been another's.
func (l *loader) assign(ctx context.Context, item *items.Item) error {
	switch {
	case item.ID == 0:
		item.ID = l.last + 1
	case item.ID <= l.before:
		known, err := value[bool](ctx, l.tx, `SELECT EXISTS (SELECT 1 FROM changes WHERE item_id = ?)`, item.ID)
		if err == nil && known {
			err = items.ErrExists
		}
		if err != nil {
			return err
		}
	}
	l.last = max(l.last, item.ID)
	return nil
}

func (l *loader) addItem(ctx context.Context, i items.Item) error {
	_, err := l.tx.exec(ctx,
		`INSERT INTO items (id, name, price, description, image, tagline, category, calories, version, search, name_key, group_key)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		i.ID, i.Name, i.Price, i.Description, i.Image, i.Tagline, i.Category, i.Calories, i.Version,
		items.SearchText(i), items.SortKey(i.Name), items.SortKey(i.Category))
	return err
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
