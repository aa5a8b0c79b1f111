// Package postgres keeps the menu in a PostgreSQL database: the store for several replicas.
//
// It keeps to SQL that PostgreSQL-compatible distributed engines document as well, and asks for no session: every write is
// one statement, so that it works behind a pooler that hands out a connection per transaction.
package postgres

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"menu-api/items"
)

// Store is an items.Store over a PostgreSQL database.
type Store struct {
	pool *pgxpool.Pool
	log  *slog.Logger

	creations *items.Group[*creation]
	// unnamed is true once it has turned out that statements cannot be prepared, see each.
	unnamed atomic.Bool

	bell     items.Bell
	announce chan struct{} // holds a value while other replicas have yet to be told of a change

	stopBackground context.CancelFunc
	background     sync.WaitGroup
}

var _ items.Store = (*Store)(nil)

const columns = `id, name, price, description, image, tagline, category, calories, version`

func scanItem(rows pgx.CollectableRow) (items.Item, error) {
	var i items.Item
	err := rows.Scan(&i.ID, &i.Name, &i.Price, &i.Description, &i.Image, &i.Tagline, &i.Category, &i.Calories, &i.Version)
	return i, err
}

// List implements items.Store.
func (s *Store) List(ctx context.Context, query items.Query) ([]items.Item, error) {
	statement, args := selectItems(query)
	return read(ctx, s, scanItem, statement, args...)
}

// selectItems writes the statement for a query. Every value is an argument; only fixed text is put together.
func selectItems(q items.Query) (statement string, args []any) {
	var conditions []string
	arg := func(value any) string {
		args = append(args, value)
		return "$" + strconv.Itoa(len(args))
	}
	where := func(condition string) { conditions = append(conditions, condition) }
	if q.Category != "" {
		where(`group_key = ` + arg([]byte(q.Category)) + ` AND group_key <> ''`) // the second says that a partial index will do
	}
	for _, word := range q.Words {
		where(`strpos(search, ` + arg(word) + `) > 0`)
	}
	order := `id`
	switch q.Sort {
	case items.ByName:
		order = `name_key, id`
		if q.After != nil {
			where(`(name_key, id) > (` + arg([]byte(q.After.Name)) + `, ` + arg(q.After.ID) + `)`)
		}
	case items.ByPrice:
		order = `price, id`
		if q.After != nil {
			where(`(price, id) > (` + arg(int64(q.After.Price)) + `, ` + arg(q.After.ID) + `)`)
		}
	case items.ByPriceDown:
		order = `price_down, id`
		if q.After != nil {
			where(`(price_down, id) > (` + arg(-int64(q.After.Price)) + `, ` + arg(q.After.ID) + `)`)
		}
	default:
		if q.After != nil {
			where(`id > ` + arg(q.After.ID))
		}
	}
	statement = `SELECT ` + columns + ` FROM items`
	if len(conditions) > 0 {
		statement += ` WHERE ` + strings.Join(conditions, ` AND `)
	}
	statement += ` ORDER BY ` + order
	if q.Limit > 0 {
		statement += ` LIMIT ` + arg(q.Limit)
	}
	return statement, args
}

// Get implements items.Store.
func (s *Store) Get(ctx context.Context, id int64) (items.Item, error) {
	return readOne(ctx, s, scanItem, `SELECT `+columns+` FROM items WHERE id = $1`, id)
}

// fields are the columns of an item that are written, in the order of fieldArgs.
const fields = `name, price, description, image, tagline, category, calories, search, name_key, group_key`

func fieldArgs(i items.Item) []any {
	return []any{
		i.Name, int64(i.Price), i.Description, i.Image, i.Tagline, i.Category, i.Calories,
		items.SearchText(i), []byte(items.SortKey(i.Name)), []byte(items.SortKey(i.Category)),
	}
}

// log ends every statement that writes: it takes the next number in the lane of the item and puts the change into the
// history. Before it stands a table "item" with the id and the version, which is empty if nothing was changed. The order
// is the same in all: first the item's row is locked, then its lane's.
const intoHistory = `, turn AS (
	UPDATE lanes SET seq = seq + 1 WHERE lane = (SELECT id % 8 FROM item) RETURNING lane, seq
)
INSERT INTO changes (item_id, version, lane, seq, action, author, at, before_json, after_json)
SELECT item.id, item.version, turn.lane, turn.seq, `

// Update implements items.Store. It reads the item, lets change decide, and writes if the item still has the version that
// was read. Otherwise it begins again.
func (s *Store) Update(ctx context.Context, stamp items.Stamp, id int64, change func(items.Item) (items.Item, error)) (items.Item, error) {
	for {
		current, err := s.Get(ctx, id)
		if err != nil {
			return items.Item{}, err
		}
		updated, err := change(current)
		if err != nil {
			return items.Item{}, err
		}
		updated.ID, updated.Version = id, current.Version+1
		before, after, err := snapshots(current, updated)
		if err != nil {
			return items.Item{}, err
		}
		_, done, err := s.write(ctx, `WITH item AS (
				UPDATE items SET name = $1, price = $2, description = $3, image = $4, tagline = $5, category = $6, calories = $7,
					search = $8, name_key = $9, group_key = $10, version = version + 1
				WHERE id = $11 AND version = $12 RETURNING id, version
			)`+intoHistory+`'update', $13, $14, $15, $16 FROM item, turn RETURNING item_id`,
			append(fieldArgs(updated), id, current.Version, stamp.By, stamp.At, before, after)...)
		if err != nil || done {
			return updated, err
		}
	}
}

// Delete implements items.Store, in the way of Update.
func (s *Store) Delete(ctx context.Context, stamp items.Stamp, id int64, allow func(items.Item) error) (items.Item, error) {
	for {
		current, err := s.Get(ctx, id)
		if err != nil {
			return items.Item{}, err
		}
		if err := allow(current); err != nil {
			return items.Item{}, err
		}
		before, err := items.Snapshot(&current)
		if err != nil {
			return items.Item{}, err
		}
		_, done, err := s.write(ctx, `WITH item AS (
				DELETE FROM items WHERE id = $1 AND version = $2 RETURNING id, version + 1 AS version
			)`+intoHistory+`'delete', $3, $4, $5, NULL FROM item, turn RETURNING item_id`,
			id, current.Version, stamp.By, stamp.At, before)
		if err != nil || done {
			return current, err
		}
	}
}

// Restore implements items.Store. Of two that restore the same item one fails on the primary key, and looks again.
func (s *Store) Restore(ctx context.Context, stamp items.Stamp, id int64) (items.Item, error) {
	for {
		if item, known, err := s.replay(ctx, stamp); err != nil || known {
			return item, err
		}
		last, err := s.History(ctx, id, 0, 1)
		if err != nil {
			return items.Item{}, err
		}
		if last[0].Action != items.Deleted {
			return items.Item{}, items.ErrNotDeleted
		}
		item := *last[0].Before
		item.Version = last[0].Version + 1
		after, err := items.Snapshot(&item)
		if err != nil {
			return items.Item{}, err
		}
		args := append(fieldArgs(item), id, item.Version, stamp.By, stamp.At, after)
		slot := `SELECT $11::bigint AS item_id`
		if stamp.Key != nil {
			slot = takeKey(`$11::bigint`, `$12::bigint`, 16)
			args = append(args, keyArgs(stamp)...)
		}
		_, done, err := s.write(ctx, `WITH slot AS (`+slot+`), item AS (
				INSERT INTO items (id, version, `+fields+`)
				SELECT item_id, $12::bigint, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM slot RETURNING id, version
			)`+intoHistory+`'restore', $13, $14, NULL, $15 FROM item, turn RETURNING item_id`, args...)
		switch {
		case isDuplicate(err):
		case err != nil || done:
			return item, err
		}
	}
}

// Seed implements items.Store.
func (s *Store) Seed(ctx context.Context, stamp items.Stamp, menu []items.Item) error {
	done, err := readOne(ctx, s, pgx.RowTo[bool], `SELECT EXISTS (SELECT 1 FROM seeded)`)
	if err != nil || done {
		return err
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		mark, err := tx.Exec(ctx, `INSERT INTO seeded (once) VALUES (1) ON CONFLICT DO NOTHING`)
		if err != nil || mark.RowsAffected() == 0 {
			return err
		}
		loader := loader{tx: tx, stamp: stamp}
		for i, item := range menu {
			item.ID, item.Version = 0, 0
			if err := loader.add(ctx, i, items.Record{Item: &item}); err != nil {
				return err
			}
		}
		return loader.finish(ctx)
	})
}

// Ping implements items.Store.
func (s *Store) Ping(ctx context.Context) error {
	_, err := readOne(ctx, s, pgx.RowTo[int64], `SELECT count(*) FROM seeded`)
	return err
}

// Stat returns the state of the pool of connections.
func (s *Store) Stat() *pgxpool.Stat { return s.pool.Stat() }

// Close implements items.Store.
func (s *Store) Close() error {
	s.stopBackground()
	s.background.Wait()
	s.pool.Close()
	return nil
}
