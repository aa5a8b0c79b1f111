package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"menu-api/items"
)

// Reset implements items.Store. All statements go to the server in one message, as one transaction: a process that is
// stopped meanwhile leaves no locks behind.
func (s *Store) Reset(ctx context.Context, stamp items.Stamp, menu []items.Item) ([]items.Item, error) {
	added := make([]items.Item, len(menu))
	for {
		err := s.commit(ctx, func(ctx context.Context, conn *pgx.Conn) error {
			batch, err := resetBatch(stamp, menu, added)
			if err != nil {
				return err
			}
			return conn.SendBatch(ctx, batch).Close()
		})
		switch {
		case isDuplicate(err): // an import has taken an id in the meantime: draw others
		case err != nil:
			return nil, err
		default:
			s.changed()
			return added, nil
		}
	}
}

// resetBatch is the statements of a reset. When they have run, added has the new items.
//
// The locks come in the order of every write: items first, then lanes. Nobody can commit a change while the lanes are
// locked, so from there on the menu stands still.
func resetBatch(stamp items.Stamp, menu, added []items.Item) (*pgx.Batch, error) {
	batch := &pgx.Batch{}
	batch.Queue(`SELECT count(*) FROM (SELECT id FROM items ORDER BY id FOR UPDATE) AS locked`)
	batch.Queue(`SELECT count(*) FROM (SELECT lane FROM lanes ORDER BY lane FOR UPDATE) AS locked`)
	batch.Queue(`WITH item AS (DELETE FROM items RETURNING id, version)
		INSERT INTO changes (item_id, version, action, author, at, before_json)
		SELECT item.id, item.version + 1, 'delete', $1, $2, c.after_json
		FROM item JOIN changes c ON c.item_id = item.id AND c.version = item.version`, stamp.By, stamp.At)
	for i, item := range menu {
		item.ID, item.Version = 0, 1
		rest, err := snapshotRest(item)
		if err != nil {
			return nil, err
		}
		added[i] = item
		batch.Queue(`WITH item AS (
				INSERT INTO items (id, version, `+fields+`)
				SELECT nextval('item_ids'), 1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 RETURNING id
			)
			INSERT INTO changes (item_id, version, action, author, at, after_json)
			SELECT id, 1, 'create', $11, $12, '{"id":' || id || $13 FROM item RETURNING item_id`,
			append(fieldArgs(item), stamp.By, stamp.At, rest)...,
		).QueryRow(func(row pgx.Row) error { return row.Scan(&added[i].ID) })
	}
	batch.Queue(changeOfEverything, string(items.Imported), stamp.By, stamp.At)
	return batch, nil
}
