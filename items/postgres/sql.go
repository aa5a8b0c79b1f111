package postgres

import (
	"context"
	"reflect"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"menu-api/items"
)

// expand inserts the lists of the item's columns into a statement: those of items.InsertColumns, the parameters of arrays, the
// columns with their types, and the assignments of a conflict.
func expand(statement string) string {
	types := map[reflect.Kind]string{reflect.String: "text", reflect.Int64: "bigint", reflect.Bool: "boolean"}
	columns := items.Columns()
	arrays, typed, excluded := make([]string, len(columns)), make([]string, len(columns)), make([]string, len(columns))
	for i, value := range new(items.Item).Values() {
		kind := reflect.TypeOf(value)
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		arrays[i] = "@" + columns[i] + "::" + types[kind.Kind()] + "[]"
		typed[i] = columns[i] + " " + types[kind.Kind()]
		excluded[i] = columns[i] + " = excluded." + columns[i]
	}
	return strings.NewReplacer(
		"{arrays}", strings.Join(arrays, ", "),
		"{typed}", strings.Join(typed, ", "),
		"{excluded}", strings.Join(excluded, ", "),
	).Replace(items.InsertColumns(statement))
}

// read collects the rows of a statement that may run twice.
func read[T any](ctx context.Context, s *Store, collect pgx.RowToFunc[T], statement string, args pgx.NamedArgs) (list []T, err error) {
	err = s.useForRead(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, _ := conn.Query(ctx, statement, args) // CollectRows returns the error
		list, err = pgx.CollectRows(rows, collect)
		return err
	})
	return list, err
}

// readOne is read for a statement with one row. It returns ErrNotFound if there is no row.
func readOne[T any](ctx context.Context, s *Store, collect pgx.RowToFunc[T], statement string, args pgx.NamedArgs) (one T, err error) {
	list, err := read(ctx, s, collect, statement, args)
	switch {
	case err != nil:
		return one, err
	case len(list) == 0:
		return one, items.ErrNotFound
	}
	return list[0], nil
}

// exec runs a statement that may run twice, and returns how many rows it affected.
func (s *Store) exec(ctx context.Context, statement string, args pgx.NamedArgs) (n int64, err error) {
	err = s.useForRead(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		tag, err := conn.Exec(ctx, statement, args)
		n = tag.RowsAffected()
		return err
	})
	return n, err
}

// useForRead is use for a statement that may run twice, because it changes nothing or makes the same change again. If the connection is
// lost, it calls run once more with another connection.
func (s *Store) useForRead(ctx context.Context, run func(context.Context, *pgx.Conn) error) error {
	sent, err := s.use(ctx, run)
	if err != nil && sent && isLost(err) && ctx.Err() == nil {
		_, err = s.use(ctx, run)
	}
	return translate(ctx, err)
}

// use calls run with a connection of the pool. sent is false if nothing was sent on it.
//
// Statements are prepared by name, because PostgreSQL takes longer to plan a write than to execute it. Behind a pooler, a
// connection may not know the name, or know it already. PostgreSQL reports either before it changes anything. From then
// on, new connections prepare no statements by name, and run is called again with one of them.
//
// After a migration elsewhere, a plan can be stale. PostgreSQL reports that too before it changes anything, and new connections
// make new plans.
func (s *Store) use(ctx context.Context, run func(context.Context, *pgx.Conn) error) (sent bool, err error) {
	for retried := false; ; {
		sent, err = s.useOnce(ctx, run)
		switch code := codeOf(err); {
		case code == codeUnknownStatement, code == codeKnownStatement:
			if !s.unnamed.Swap(true) {
				s.log.Info("the database is behind a pooler: statements are not prepared", "cause", err)
			}
		case code == codeStalePlan && !retried:
			retried = true // the code also has other causes
		default:
			return sent, err
		}
		s.pool.Reset()
	}
}

func (s *Store) useOnce(ctx context.Context, run func(context.Context, *pgx.Conn) error) (sent bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	conn, err := s.acquire(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Release()
	// The context of run keeps the deadline but does not end when a client disconnects: pgx would close the connection, and
	// clients could make the pool open new ones all day.
	detached := context.WithoutCancel(ctx)
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		detached, cancel = context.WithDeadline(detached, deadline)
		defer cancel()
	}
	err = run(detached, conn.Conn())
	if err != nil && (conn.Conn().IsClosed() || codeOf(err) == codeReadOnly) {
		s.pool.Reset() // the server stopped or became a standby, so the other connections are useless too
	}
	return err == nil || !pgconn.SafeToRetry(err), err
}

// acquire returns a connection. If the server has too many connections, or is starting, it retries for a moment.
func (s *Store) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	const limit, pause = 2 * time.Second, 50 * time.Millisecond
	for start := time.Now(); ; items.Sleep(ctx, pause) {
		conn, err := s.pool.Acquire(ctx)
		code := codeOf(err)
		if err == nil || (code != codeTooManyConnections && code != codeCannotConnectNow) || time.Since(start) > limit {
			return conn, err
		}
	}
}

// connect opens a connection outside the pool, for a longer transaction or for notifications. It prepares no statements by
// name: a transaction cannot be retried as in use.
func (s *Store) connect(ctx context.Context) (*pgx.Conn, error) {
	return pgx.ConnectConfig(ctx, s.config.Copy())
}
