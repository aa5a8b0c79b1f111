package sqlite

import (
	"context"
	"fmt"
	"io"

	"menu-api/items"
)

// Reset implements items.Store. It keeps other writers waiting until it is done.
func (s *Store) Reset(ctx context.Context, stamp items.Stamp, menu []items.Item) (added []items.Item, err error) {
	err = s.writer.runExclusively(ctx, func(_ context.Context, tx *conn) error {
		if err := removeAll(ctx, tx, stamp); err != nil {
			return err
		}
		l := loader{tx: tx, stamp: stamp}
		if err := l.load(ctx, recordsOf(menu)); err != nil {
			return err
		}
		if err := finishImport(ctx, tx, stamp); err != nil {
			return err
		}
		added = []items.Item{}
		return each(ctx, tx, func(row scanner) error {
			item, err := scan(row)
			added = append(added, item)
			return err
		}, `SELECT `+columns+` FROM items ORDER BY id`)
	})
	if err != nil {
		return nil, translate(ctx, err)
	}
	s.bell.Ring()
	return added, nil
}

// removeAll deletes every item and puts that into the history of each. What an item was is there already. In the sequence
// of changes these are no news: one that stands for all of them is.
func removeAll(ctx context.Context, tx *conn, stamp items.Stamp) error {
	recorded, err := tx.exec(ctx, `INSERT INTO changes (seq, item_id, version, action, author, at, before_json)
		SELECT (SELECT min(0, coalesce(min(seq), 0)) FROM changes) - ? + row_number() OVER (ORDER BY i.id),
			i.id, i.version + 1, ?, ?, ?, c.after_json
		FROM items i JOIN changes c ON c.item_id = i.id AND c.version = i.version`,
		maxImport, items.Deleted, stamp.By, stamp.At.UnixMilli())
	if err != nil {
		return err
	}
	deleted, err := tx.exec(ctx, `DELETE FROM items`)
	if err != nil {
		return err
	}
	before, err := recorded.RowsAffected()
	if err != nil {
		return err
	}
	after, err := deleted.RowsAffected()
	if err == nil && before != after {
		err = fmt.Errorf("%d of %d deleted items have a history", before, after)
	}
	return err
}

// recordsOf returns the items one by one, as new ones.
func recordsOf(menu []items.Item) func() (items.Record, error) {
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
