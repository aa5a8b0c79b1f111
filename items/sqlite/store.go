// Package sqlite keeps the menu in an SQLite file: the store for one machine, with nothing to install.
package sqlite

import (
	"context"
	"database/sql"

	"menu-api/items"
)

// Store is an items.Store over an SQLite file.
type Store struct {
	// SQLite has one writer at a time. A pool of one connection makes writers queue here, in order and under their
	// contexts, and not in SQLite's busy loop. Reads have their own pool: in WAL mode they never wait for the writer.
	write, read *sql.DB
}

var _ items.Store = (*Store)(nil)

const columns = `id, name, price, description, image, tagline, category, calories`

// scanner is a *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

func scan(row scanner) (items.Item, error) {
	var i items.Item
	err := row.Scan(&i.ID, &i.Name, &i.Price, &i.Description, &i.Image, &i.Tagline, &i.Category, &i.Calories)
	return i, err
}

// List implements items.Store.
func (s *Store) List(ctx context.Context) ([]items.Item, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+columns+` FROM items ORDER BY id`)
	if err != nil {
		return nil, translate(ctx, err)
	}
	defer func() { _ = rows.Close() }()
	menu := []items.Item{}
	for rows.Next() {
		item, err := scan(rows)
		if err != nil {
			return nil, translate(ctx, err)
		}
		menu = append(menu, item)
	}
	return menu, translate(ctx, rows.Err())
}

// Get implements items.Store.
func (s *Store) Get(ctx context.Context, id int64) (items.Item, error) {
	item, err := scan(s.read.QueryRowContext(ctx, `SELECT `+columns+` FROM items WHERE id = ?`, id))
	return item, translate(ctx, err)
}

// Create implements items.Store.
func (s *Store) Create(ctx context.Context, item items.Item) (items.Item, error) {
	var created items.Item
	err := s.inTx(ctx, func(tx *sql.Tx) (err error) {
		created, err = insert(ctx, tx, item)
		return err
	})
	return created, err
}

func insert(ctx context.Context, tx *sql.Tx, i items.Item) (items.Item, error) {
	return scan(tx.QueryRowContext(ctx,
		`INSERT INTO items (name, price, description, image, tagline, category, calories)
		VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING `+columns,
		i.Name, i.Price, i.Description, i.Image, i.Tagline, i.Category, i.Calories))
}

// Update implements items.Store.
func (s *Store) Update(ctx context.Context, id int64, change func(items.Item) (items.Item, error)) (items.Item, error) {
	var updated items.Item
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		current, err := scan(tx.QueryRowContext(ctx, `SELECT `+columns+` FROM items WHERE id = ?`, id))
		if err != nil {
			return err
		}
		i, err := change(current)
		if err != nil {
			return err
		}
		updated, err = scan(tx.QueryRowContext(ctx,
			`UPDATE items SET name = ?, price = ?, description = ?, image = ?, tagline = ?, category = ?, calories = ?
			WHERE id = ? RETURNING `+columns,
			i.Name, i.Price, i.Description, i.Image, i.Tagline, i.Category, i.Calories, id))
		return err
	})
	return updated, err
}

// Delete implements items.Store.
func (s *Store) Delete(ctx context.Context, id int64, allow func(items.Item) error) (items.Item, error) {
	var deleted items.Item
	err := s.inTx(ctx, func(tx *sql.Tx) (err error) {
		deleted, err = scan(tx.QueryRowContext(ctx, `DELETE FROM items WHERE id = ? RETURNING `+columns, id))
		if err != nil {
			return err
		}
		return allow(deleted) // a refusal rolls the deletion back
	})
	return deleted, err
}

// Seed implements items.Store. It looks first, so that a start which has nothing to seed waits for no writer.
func (s *Store) Seed(ctx context.Context, menu []items.Item) error {
	var done bool
	err := s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM seeded)`).Scan(&done)
	if err != nil || done {
		return translate(ctx, err)
	}
	return s.inTx(ctx, func(tx *sql.Tx) error {
		mark, err := tx.ExecContext(ctx, `INSERT OR IGNORE INTO seeded (once) VALUES (1)`)
		if err != nil {
			return err
		}
		if first, err := mark.RowsAffected(); err != nil || first == 0 {
			return err
		}
		for _, item := range menu {
			if _, err := insert(ctx, tx, item); err != nil {
				return err
			}
		}
		return nil
	})
}

// Ping implements items.Store. It reads from the file, which the driver's own ping does not.
func (s *Store) Ping(ctx context.Context) error {
	var n int
	return translate(ctx, s.read.QueryRowContext(ctx, `SELECT count(*) FROM seeded`).Scan(&n))
}

// inTx runs f in a write transaction. It returns f's own errors unchanged and those of the engine translated. On an
// error the values that f left behind are not to be used.
func (s *Store) inTx(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return translate(ctx, err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	if err := f(tx); err != nil {
		return translate(ctx, err)
	}
	return translate(ctx, tx.Commit())
}
