// Package postgres keeps the menu in a PostgreSQL database: the store for several replicas.
//
// It needs no session: every write is one message that is a transaction, so it works behind a pooler that hands out a
// connection for each transaction.
package postgres

import (
	"context"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"menu-api/items"
)

// Store is an items.Store over a PostgreSQL database.
type Store struct {
	pool   *pgxpool.Pool
	config *pgx.ConnConfig // of connections outside the pool
	log    *slog.Logger

	writes *items.Batcher[*write]
	// unnamed is true once statements cannot be prepared by name, see use.
	unnamed atomic.Bool

	oldestSnapshot atomic.Uint64 // bits of a float64, see OldestSnapshot

	// trigrams says what the index of searches contains, see search.go.
	trigrams atomic.Int32

	notifier items.Notifier
	announce chan struct{} // holds a value while the other replicas do not know of a change

	stopBackground context.CancelFunc
	background     sync.WaitGroup
}

var _ items.Store = (*Store)(nil)

var (
	getItem = expand(`SELECT id, version, {columns} FROM items WHERE id = @id`)

	// The state before a change is the state after the previous version. A deletion has no state after it.
	selectHistory = `
SELECT c.item_id, c.version, c.action, c.author, c.author_name, c.at, c.batch, c.after_json, previous.after_json AS before_json
FROM changes c
LEFT JOIN changes previous ON previous.item_id = c.item_id AND previous.version = c.version - 1
WHERE c.item_id = @id AND c.version < @before
ORDER BY c.version DESC
LIMIT @limit`

	selectRecent = `
SELECT c.item_id, c.version, c.action, c.author, c.author_name, c.at, c.batch, c.after_json, previous.after_json AS before_json
FROM changes c
LEFT JOIN changes previous ON previous.item_id = c.item_id AND previous.version = c.version - 1
WHERE c.item_id > 0 AND (c.at, c.item_id, c.version) < (@at, @id, @version)
ORDER BY c.at DESC, c.item_id DESC, c.version DESC
LIMIT @limit`

	hasHistory = `SELECT EXISTS (SELECT 1 FROM changes WHERE item_id = @id)`
)

// List implements items.Store.
func (s *Store) List(ctx context.Context, query items.Query) ([]items.Item, error) {
	statement, args := s.listStatement(query)
	if len(query.Words) > 0 {
		return search(ctx, s, statement, args)
	}
	return read(ctx, s, pgx.RowToStructByName[items.Item], statement, args)
}

// listItems reads items in the order of a list. With words, it looks through the list until the page is full.
var listItems = expand(`SELECT id, version, {columns} FROM items WHERE {list}{words} ORDER BY {order}{limit}`)

// listStatement returns the statement that lists the items which contain all words of the query. All values are arguments.
func (s *Store) listStatement(query items.Query) (string, pgx.NamedArgs) {
	list, order, args := listConditions(query)
	var words, patterns, limit string
	for i, word := range query.Words {
		name := strconv.Itoa(i)
		words += " AND strpos(search, @word" + name + ") > 0"
		args["word"+name] = word
		if s.hasTrigram(word) {
			patterns += " AND search LIKE @pattern" + name
			args["pattern"+name] = "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(word) + "%"
		}
	}
	if query.Limit > 0 {
		limit = " LIMIT @limit"
		args["limit"] = query.Limit
	}
	statement := listItems
	if patterns != "" && limit != "" {
		statement = searchIndex
		args["walked"] = maxWalked
	}
	return strings.NewReplacer("{list}", list, "{order}", order, "{words}", words, "{patterns}", patterns, "{limit}", limit).
		Replace(statement), args
}

// sortColumns are the columns of the orders that are not by id. The order of text differs between servers, so name_key
// holds bytes. An index serves only one direction of (price, id), so price_down holds the negative price.
var sortColumns = map[items.Sort]string{
	items.ByName: "name_key", items.ByPrice: "price", items.ByPriceDown: "price_down", items.ByMenu: "menu_key",
}

// listConditions returns the conditions of a query, except for its words, and its order. All values are arguments.
func listConditions(q items.Query) (conditions, order string, args pgx.NamedArgs) {
	conditions, args = "true", pgx.NamedArgs{}
	if q.Category != "" {
		// The second condition tells the planner that the partial index is enough.
		conditions += " AND group_key = @group_key AND group_key <> ''"
		args["group_key"] = []byte(q.Category)
	}
	order, after := "id", "id > @after_id"
	if column, ok := sortColumns[q.Sort]; ok {
		order, after = column+", id", "("+column+", id) > (@after, @after_id)"
	}
	if q.After != nil {
		conditions += " AND " + after
		args["after_id"] = q.After.ID
		args["after"] = map[items.Sort]any{
			items.ByName: []byte(q.After.Name), items.ByPrice: int64(q.After.Price), items.ByPriceDown: -int64(q.After.Price),
			items.ByMenu: q.After.Menu,
		}[q.Sort]
	}
	return conditions, order, args
}

// Each step finds the next category in the index, so no step reads the items of a category.
const selectCategories = `
WITH RECURSIVE keys (key) AS (
	SELECT * FROM (SELECT group_key FROM items WHERE group_key <> '' ORDER BY group_key LIMIT 1) AS first
	UNION ALL
	SELECT (SELECT group_key FROM items WHERE group_key > key AND group_key <> '' ORDER BY group_key LIMIT 1)
	FROM keys WHERE key IS NOT NULL
), chosen AS (SELECT key FROM keys WHERE key IS NOT NULL LIMIT @limit)
SELECT (SELECT category FROM items WHERE group_key = key AND group_key <> '' ORDER BY id LIMIT 1) FROM chosen ORDER BY key`

// Categories implements items.Store.
func (s *Store) Categories(ctx context.Context, limit int) ([]string, error) {
	return read(ctx, s, pgx.RowTo[string], selectCategories, pgx.NamedArgs{"limit": limit})
}

// Get implements items.Store.
func (s *Store) Get(ctx context.Context, id int64) (items.Item, error) {
	return readOne(ctx, s, pgx.RowToStructByName[items.Item], getItem, pgx.NamedArgs{"id": id})
}

// History implements items.Store.
func (s *Store) History(ctx context.Context, id, before int64, limit int) ([]items.Change, error) {
	if before == 0 {
		before = math.MaxInt64
	}
	changes, err := read(ctx, s, rowToChange, selectHistory, pgx.NamedArgs{"id": id, "before": before, "limit": limit})
	if err != nil || len(changes) > 0 {
		return changes, err
	}
	known, err := readOne(ctx, s, pgx.RowTo[bool], hasHistory, pgx.NamedArgs{"id": id})
	if err == nil && !known {
		err = items.ErrNotFound
	}
	return changes, err
}

// Recent implements items.Store.
func (s *Store) Recent(ctx context.Context, before items.ChangeKey, limit int) ([]items.Change, error) {
	return read(ctx, s, rowToChange, selectRecent,
		pgx.NamedArgs{"at": before.At, "id": before.ItemID, "version": before.Version, "limit": limit})
}

// changeRow is a row of the table changes, and the state before the change where the statement selects it.
type changeRow struct {
	ItemID     int64
	Version    int64
	Number     int64
	Action     items.Action
	Author     string
	AuthorName string
	At         time.Time
	Batch      string
	Before     *string `db:"before_json"`
	After      *string `db:"after_json"`
}

func rowToChange(row pgx.CollectableRow) (items.Change, error) {
	r, err := pgx.RowToStructByNameLax[changeRow](row)
	if err != nil {
		return items.Change{}, err
	}
	change := items.Change{
		ItemID: r.ItemID, Version: r.Version, Action: r.Action, By: r.Author, ByName: r.AuthorName, At: r.At.UTC(), Batch: r.Batch,
		Number: r.Number,
	}
	if change.Before, err = itemFrom(r.Before, r.ItemID, r.Version-1); err != nil {
		return items.Change{}, err
	}
	change.After, err = itemFrom(r.After, r.ItemID, r.Version)
	return change, err
}

// itemFrom reads a snapshot. The id comes from the row: the snapshot of a new item is made before it has an id.
func itemFrom(snapshot *string, id, version int64) (*items.Item, error) {
	item, err := items.FromSnapshot(snapshot, version)
	if item != nil {
		item.ID = id
	}
	return item, err
}

// Ping implements items.Store.
func (s *Store) Ping(ctx context.Context) error {
	_, err := readOne(ctx, s, pgx.RowTo[int64], `SELECT count(*) FROM seeded`, nil)
	return err
}

// Stat returns the state of the connection pool.
func (s *Store) Stat() *pgxpool.Stat { return s.pool.Stat() }

// Size returns the size of the database in bytes.
func (s *Store) Size(ctx context.Context) (int64, error) {
	return readOne(ctx, s, pgx.RowTo[int64], `SELECT pg_database_size(current_database())`, nil)
}

// LastBackup returns when RecordBackup was last called, or the time 0 of Unix if it never was.
func (s *Store) LastBackup(ctx context.Context) (time.Time, error) {
	at, err := readOne(ctx, s, pgx.RowTo[int64], `SELECT coalesce(max(at), 0) FROM backups`, nil)
	return items.TimeOf(at), err
}

// RecordBackup remembers when a backup was made.
func (s *Store) RecordBackup(ctx context.Context, at time.Time) error {
	_, err := s.exec(ctx, `INSERT INTO backups (once, at) VALUES (1, @at) ON CONFLICT (once) DO UPDATE SET at = excluded.at`,
		pgx.NamedArgs{"at": at.UnixMilli()})
	return err
}

// Close implements items.Store.
func (s *Store) Close() error {
	s.stopBackground()
	s.background.Wait()
	s.pool.Close()
	return nil
}
