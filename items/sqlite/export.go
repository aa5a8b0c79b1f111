package sqlite

import (
	"context"
	"database/sql"

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
