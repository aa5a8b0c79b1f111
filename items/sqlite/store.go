// Package sqlite keeps the menu in an SQLite file: the store for one machine, with nothing to install.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"

	"menu-api/items"
)

// Store is an items.Store over an SQLite file.
type Store struct {
	file string
	// SQLite has one writer at a time. Writers queue for their one connection in Go, under their contexts, and not in
	// SQLite's busy loop. Reads have a pool of their own: in WAL mode they never wait for the writer.
	writer *writer
	read   pool
	bell   items.Bell
	closed sync.Once
}

var _ items.Store = (*Store)(nil)

const columns = `id, name, price, description, image, tagline, category, calories, version`

// scanner is a *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

func scan(row scanner) (items.Item, error) {
	var i items.Item
	err := row.Scan(&i.ID, &i.Name, &i.Price, &i.Description, &i.Image, &i.Tagline, &i.Category, &i.Calories, &i.Version)
	return i, err
}

// querier is the connection that writes, or the pool that reads.
type querier interface {
	query(ctx context.Context, text string, args ...any) (*sql.Rows, error)
}

// each calls do with every row of the answer.
func each(ctx context.Context, q querier, do func(scanner) error, text string, args ...any) error {
	rows, err := q.query(ctx, text, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := do(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// one calls do with the only row of the answer. It returns sql.ErrNoRows if there is none.
func one(ctx context.Context, q querier, do func(scanner) error, text string, args ...any) error {
	err := sql.ErrNoRows
	if failed := each(ctx, q, func(row scanner) error { err = do(row); return err }, text, args...); failed != nil {
		return failed
	}
	return err
}

// value returns the only value of the answer.
func value[T any](ctx context.Context, q querier, text string, args ...any) (v T, err error) {
	err = one(ctx, q, func(row scanner) error { return row.Scan(&v) }, text, args...)
	return v, err
}

func oneItem(ctx context.Context, q querier, text string, args ...any) (item items.Item, err error) {
	err = one(ctx, q, func(row scanner) (err error) { item, err = scan(row); return err }, text, args...)
	return item, err
}

// List implements items.Store.
func (s *Store) List(ctx context.Context, query items.Query) ([]items.Item, error) {
	statement, args := selectItems(query)
	menu := []items.Item{}
	err := each(ctx, s.read, func(row scanner) error {
		item, err := scan(row)
		menu = append(menu, item)
		return err
	}, statement, args...)
	if err != nil {
		return nil, translate(ctx, err)
	}
	return menu, nil
}

// selectItems writes the statement for a query. Every value is an argument; only fixed text is put together.
func selectItems(q items.Query) (statement string, args []any) {
	var conditions []string
	where := func(condition string, values ...any) {
		conditions = append(conditions, condition)
		args = append(args, values...)
	}
	if q.Category != "" {
		where(`group_key = ? AND group_key <> ''`, q.Category) // the second says that the partial index will do
	}
	for _, word := range q.Words {
		where(`instr(search, ?) > 0`, word)
	}
	order := `id`
	switch q.Sort {
	case items.ByName:
		order = `name_key, id`
		if q.After != nil {
			where(`(name_key, id) > (?, ?)`, q.After.Name, q.After.ID)
		}
	case items.ByPrice:
		order = `price, id`
		if q.After != nil {
			where(`(price, id) > (?, ?)`, q.After.Price, q.After.ID)
		}
	case items.ByPriceDown:
		order = `price_down, id`
		if q.After != nil {
			where(`(price_down, id) > (?, ?)`, -q.After.Price, q.After.ID)
		}
	default:
		if q.After != nil {
			where(`id > ?`, q.After.ID)
		}
	}
	statement = `SELECT ` + columns + ` FROM items`
	if len(conditions) > 0 {
		statement += ` WHERE ` + strings.Join(conditions, ` AND `)
	}
	statement += ` ORDER BY ` + order
	if q.Limit > 0 {
		statement += ` LIMIT ?`
		args = append(args, q.Limit)
	}
	return statement, args
}

// Get implements items.Store.
func (s *Store) Get(ctx context.Context, id int64) (items.Item, error) {
	item, err := get(ctx, s.read, id)
	return item, translate(ctx, err)
}

func get(ctx context.Context, q querier, id int64) (items.Item, error) {
	return oneItem(ctx, q, `SELECT `+columns+` FROM items WHERE id = ?`, id)
}

// Create implements items.Store.
func (s *Store) Create(ctx context.Context, stamp items.Stamp, item items.Item) (items.Item, error) {
	return s.inTx(ctx, func(ctx context.Context, tx *conn) (items.Item, error) {
		return once(ctx, tx, stamp, func() (items.Item, error) {
			item.ID, item.Version = 0, 1
			return add(ctx, tx, stamp, items.Created, item)
		})
	})
}

// add puts the item on the menu, under a new id if it has none, and into the history.
func add(ctx context.Context, tx *conn, stamp items.Stamp, action items.Action, item items.Item) (items.Item, error) {
	added, err := insert(ctx, tx, item)
	if err != nil {
		return items.Item{}, err
	}
	err = record(ctx, tx, items.Change{
		ItemID: added.ID, Version: added.Version, Action: action, By: stamp.By, At: stamp.At, After: &added,
	})
	return added, err
}

func insert(ctx context.Context, tx *conn, i items.Item) (items.Item, error) {
	var id any // NULL, for which SQLite takes the next one
	if i.ID != 0 {
		id = i.ID
	}
	// Without RETURNING, which would be read as rows are: what is stored is what is given, and the id.
	added, err := tx.exec(ctx,
		`INSERT INTO items (id, name, price, description, image, tagline, category, calories, version, search, name_key, group_key)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		id, i.Name, i.Price, i.Description, i.Image, i.Tagline, i.Category, i.Calories, i.Version,
		items.SearchText(i), items.SortKey(i.Name), items.SortKey(i.Category))
	if err != nil {
		return items.Item{}, err
	}
	i.ID, err = added.LastInsertId()
	return i, err
}

// Update implements items.Store.
func (s *Store) Update(ctx context.Context, stamp items.Stamp, id int64, change func(items.Item) (items.Item, error)) (items.Item, error) {
	return s.inTx(ctx, func(ctx context.Context, tx *conn) (items.Item, error) {
		current, err := get(ctx, tx, id)
		if err != nil {
			return items.Item{}, err
		}
		i, err := change(current)
		if err != nil {
			return items.Item{}, err
		}
		updated, err := oneItem(ctx, tx,
			`UPDATE items SET name = ?, price = ?, description = ?, image = ?, tagline = ?, category = ?, calories = ?,
				version = version + 1, search = ?, name_key = ?, group_key = ?
			WHERE id = ? RETURNING `+columns,
			i.Name, i.Price, i.Description, i.Image, i.Tagline, i.Category, i.Calories,
			items.SearchText(i), items.SortKey(i.Name), items.SortKey(i.Category), id)
		if err != nil {
			return items.Item{}, err
		}
		err = record(ctx, tx, items.Change{
			ItemID: id, Version: updated.Version, Action: items.Updated, By: stamp.By, At: stamp.At, Before: &current, After: &updated,
		})
		return updated, err
	})
}

// Delete implements items.Store.
func (s *Store) Delete(ctx context.Context, stamp items.Stamp, id int64, allow func(items.Item) error) (items.Item, error) {
	return s.inTx(ctx, func(ctx context.Context, tx *conn) (items.Item, error) {
		deleted, err := oneItem(ctx, tx, `DELETE FROM items WHERE id = ? RETURNING `+columns, id)
		if err != nil {
			return items.Item{}, err
		}
		if err := allow(deleted); err != nil {
			return items.Item{}, err // which undoes the deletion
		}
		err = record(ctx, tx, items.Change{
			ItemID: id, Version: deleted.Version + 1, Action: items.Deleted, By: stamp.By, At: stamp.At, Before: &deleted,
		})
		return deleted, err
	})
}

// Restore implements items.Store.
func (s *Store) Restore(ctx context.Context, stamp items.Stamp, id int64) (items.Item, error) {
	return s.inTx(ctx, func(ctx context.Context, tx *conn) (items.Item, error) {
		return once(ctx, tx, stamp, func() (items.Item, error) {
			last, err := history(ctx, tx, id, 0, 1)
			if err != nil {
				return items.Item{}, err
			}
			if last[0].Action != items.Deleted {
				return items.Item{}, items.ErrNotDeleted
			}
			item := *last[0].Before
			item.Version = last[0].Version + 1
			return add(ctx, tx, stamp, items.Restored, item)
		})
	})
}

// Seed implements items.Store. It looks first, so that a start which has nothing to seed waits for no writer.
func (s *Store) Seed(ctx context.Context, stamp items.Stamp, menu []items.Item) error {
	done, err := value[bool](ctx, s.read, `SELECT EXISTS (SELECT 1 FROM seeded)`)
	if err != nil || done {
		return translate(ctx, err)
	}
	_, err = s.inTx(ctx, func(ctx context.Context, tx *conn) (none items.Item, err error) {
		first, err := markSeeded(ctx, tx)
		if err != nil || !first {
			return none, err
		}
		for _, item := range menu {
			item.ID, item.Version = 0, 1
			if _, err := add(ctx, tx, stamp, items.Created, item); err != nil {
				return none, err
			}
		}
		return none, nil
	})
	return err
}

func markSeeded(ctx context.Context, tx *conn) (first bool, err error) {
	mark, err := tx.exec(ctx, `INSERT OR IGNORE INTO seeded (once) VALUES (1)`)
	if err != nil {
		return false, err
	}
	added, err := mark.RowsAffected()
	return added > 0, err
}

// Ping implements items.Store. It reads from the file, which the driver's own ping does not.
func (s *Store) Ping(ctx context.Context) error {
	_, err := value[int](ctx, s.read, `SELECT count(*) FROM seeded`)
	return translate(ctx, err)
}

// inTx runs do in a write transaction, with others where there are others. It returns do's own errors unchanged and those
// of the engine translated.
func (s *Store) inTx(ctx context.Context, do func(context.Context, *conn) (items.Item, error)) (items.Item, error) {
	var item items.Item
	err := s.writer.run(ctx, func(ctx context.Context, tx *conn) (err error) {
		item, err = do(ctx, tx)
		return err
	})
	if err != nil {
		return items.Item{}, translate(ctx, err)
	}
	s.bell.Ring()
	return item, nil
}

// Close implements items.Store.
func (s *Store) Close() (err error) {
	s.closed.Do(func() {
		err = errors.Join(s.read.Close(), s.writer.close()) // the writer last: it folds the WAL into the file
	})
	return err
}
