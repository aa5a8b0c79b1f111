package postgres

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode"

	"github.com/jackc/pgx/v5"

	"menu-api/items"
)

// The index items_by_trigrams has the trigrams of each item's text: all runs of three letters or digits. PostgreSQL keeps it
// up to date. It needs the extension pg_trgm, so no migration creates it. See docs/adr/0024-search-index.md.

// maxWalked is how many items a search looks through in the order of the list before it uses the index.
const maxWalked = 2000

// searchIndex first walks along the order of the list. If there are many matches, the first ones are usually near its
// beginning. If the page is not full after that, and the walk has not reached the end, searchIndex fetches and sorts all
// items that match. OFFSET 0 makes PostgreSQL plan that for itself, so that it uses the index items_by_trigrams.
var searchIndex = expand(`
WITH walk AS MATERIALIZED (
	SELECT * FROM items WHERE {list} ORDER BY {order} LIMIT @walked
), page AS MATERIALIZED (
	SELECT * FROM walk WHERE true{words} ORDER BY {order}{limit}
), done AS MATERIALIZED (
	SELECT (SELECT count(*) FROM page) = @limit OR (SELECT count(*) FROM walk) < @walked AS yes
)
SELECT id, version, {columns} FROM (
	SELECT * FROM page WHERE (SELECT yes FROM done)
	UNION ALL
	SELECT * FROM (
		SELECT * FROM items WHERE {list}{patterns}{words} AND NOT (SELECT yes FROM done) OFFSET 0
	) AS matches
) AS found
ORDER BY {order}{limit}`)

// The values of Store.trigrams: what the index items_by_trigrams contains.
const (
	noTrigrams int32 = iota // the index is not there, or not complete
	asciiTrigrams
	unicodeTrigrams
)

// hasTrigram reports whether the index can find the word. In a database with the locale C, it has only ASCII.
func (s *Store) hasTrigram(word string) bool {
	trigrams, run := s.trigrams.Load(), 0
	for _, r := range word {
		isIndexed := trigrams == unicodeTrigrams || trigrams == asciiTrigrams && r <= unicode.MaxASCII
		if run++; !isIndexed || !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			run = 0
		}
		if run == 3 {
			return true
		}
	}
	return false
}

var (
	selectExtension = `
SELECT quote_ident(nspname) FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'pg_trgm'`

	// selectIndex returns whether the index is valid. An index whose creation was interrupted is not.
	selectIndex = `SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('items_by_trigrams')`

	dropIndex = `DROP INDEX CONCURRENTLY IF EXISTS items_by_trigrams`

	// createIndex takes minutes for a large menu and delays no reads or writes. New entries go to a list first, which a search
	// has to scan and a write has to empty. It is short, so that neither takes long.
	createIndex = `
CREATE INDEX CONCURRENTLY items_by_trigrams ON items USING gin (search {schema}.gin_trgm_ops) WITH (gin_pending_list_limit = 256)`
)

// errIndexLocked says that an import runs, or that another replica creates the index.
var errIndexLocked = errors.New("an import runs, or another replica creates the index")

// prepareIndex creates the index, unless it exists, and tries again until it does. Until then, searches scan the menu.
func (s *Store) prepareIndex(ctx context.Context) {
	const first, last = time.Second, 10 * time.Minute
	for pause := first; ctx.Err() == nil; pause = min(2*pause, last) {
		schema, err := s.createExtension(ctx)
		switch {
		case err == nil:
			err = s.createIndex(ctx, schema)
		case pause == first && ctx.Err() == nil:
			s.log.Warn("searches use no index, because the extension pg_trgm is missing; an administrator has to run: CREATE EXTENSION pg_trgm",
				"error", err)
		}
		if err == nil {
			return
		}
		s.log.Debug("cannot create the search index; trying again", "error", err)
		items.Sleep(ctx, pause)
	}
}

// createExtension creates the extension, unless it exists, and returns its schema.
func (s *Store) createExtension(ctx context.Context) (schema string, err error) {
	schema, err = readOne(ctx, s, pgx.RowTo[string], selectExtension, nil)
	if !errors.Is(err, items.ErrNotFound) {
		return schema, err
	}
	_, err = s.exec(ctx, `CREATE EXTENSION IF NOT EXISTS pg_trgm`, nil)
	if err != nil && !isDuplicate(err) { // another replica has just created it
		return "", err
	}
	return readOne(ctx, s, pgx.RowTo[string], selectExtension, nil)
}

// createIndex creates the index, unless it exists, and lets searches use it.
func (s *Store) createIndex(ctx context.Context, schema string) error {
	valid, err := readOne(ctx, s, pgx.RowTo[bool], selectIndex, nil)
	if err != nil && !errors.Is(err, items.ErrNotFound) {
		return err
	}
	if !valid {
		if err := s.createIndexOnce(ctx, schema); err != nil {
			return err
		}
	}
	known, err := readOne(ctx, s, pgx.RowTo[bool], `SELECT cardinality(`+schema+`.show_trgm('борщ')) > 0`, nil)
	if err != nil {
		return err
	}
	s.trigrams.Store(map[bool]int32{false: asciiTrigrams, true: unicodeTrigrams}[known])
	return nil
}

func (s *Store) createIndexOnce(ctx context.Context, schema string) error {
	locked, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = locked.Close(context.WithoutCancel(ctx)) }()
	// This level keeps no snapshot between statements.
	tx, err := locked.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return err
	}
	held, err := tryLockImports(ctx, tx)
	if err != nil {
		return err
	}
	if !held {
		return errIndexLocked
	}
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	// Close ends the connection and not the statement, so the server completes the index. It also does not ask the server to
	// cancel the statement, because PgBouncer 1.18 can crash on that.
	stop := context.AfterFunc(ctx, func() { _ = conn.PgConn().Conn().Close() })
	defer stop()
	for _, statement := range []string{dropIndex, strings.Replace(createIndex, "{schema}", schema, 1)} {
		// The simple protocol runs it outside a transaction block.
		if err := conn.PgConn().Exec(context.WithoutCancel(ctx), statement).Close(); err != nil {
			return err
		}
	}
	return nil
}

// cancelTimeout is how long the server may take to cancel a search. After that, pgx closes the connection. A request to
// cancel has no effect if it arrives before the statement.
//
// CancelRequestContextWatcherHandler of pgx does the same, but it can withdraw its request, and PgBouncer 1.18 crashes on that.
const cancelTimeout = 2 * time.Second

// search is read for a statement whose cost grows with the menu. The server cancels it when the context ends. pgx would also
// close the connection, and clients that disconnect could make the pool open new ones all day.
func search(ctx context.Context, s *Store, statement string, args pgx.NamedArgs) (list []items.Item, err error) {
	err = s.useForRead(ctx, func(_ context.Context, conn *pgx.Conn) error {
		running, cancel := context.WithCancel(context.WithoutCancel(ctx))
		defer cancel()
		cancelled := make(chan struct{})
		stop := context.AfterFunc(ctx, func() {
			defer close(cancelled)
			time.AfterFunc(cancelTimeout, cancel)
			_ = conn.PgConn().CancelRequest(running)
		})
		rows, _ := conn.Query(running, statement, args) // CollectRows returns the error
		list, err = pgx.CollectRows(rows, pgx.RowToStructByName[items.Item])
		if !stop() {
			<-cancelled // a late request would cancel the next statement on the connection
		}
		return err
	})
	return list, err
}
