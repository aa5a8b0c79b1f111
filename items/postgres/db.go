package postgres

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"menu-api/items"
)

// acquire returns a connection. While the server has none to spare, or is only starting, it waits for a moment: one of
// ours may come free.
func (s *Store) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	const patience, pause = 2 * time.Second, 50 * time.Millisecond
	for start := time.Now(); ; {
		conn, err := s.pool.Acquire(ctx)
		code := codeOf(err)
		if err == nil || (code != codeTooManyConnections && code != codeCannotConnectNow) || time.Since(start) > patience {
			return conn, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// detach returns a context with the deadline of ctx that does not end when a client hangs up: pgx would close the
// connection, and a client could make the pool open new ones all day.
func detach(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithDeadline(context.WithoutCancel(ctx), deadline)
	}
	return context.WithCancel(context.WithoutCancel(ctx))
}

// attempt runs a statement and calls do with every row. sent is false when the statement never left.
func (s *Store) attempt(ctx context.Context, do func(pgx.CollectableRow) error, statement string, args ...any) (sent bool, err error) {
	return s.borrow(ctx, func(ctx context.Context, conn *pgx.Conn) error { return s.each(ctx, conn, do, statement, args...) })
}

// each is the function each with a statement that is prepared once on each connection: PostgreSQL takes longer to plan a
// write than to carry it out.
//
// A pooler may hand out a connection on which others have prepared it, or none have. PostgreSQL says so before it does
// anything; see borrow.
func (s *Store) each(ctx context.Context, conn *pgx.Conn, do func(pgx.CollectableRow) error, statement string, args ...any) error {
	if !s.unnamed.Load() {
		args = append([]any{pgx.QueryExecModeCacheStatement}, args...)
	}
	return each(ctx, conn, do, statement, args...)
}

// borrow calls run with a connection. sent is false when nothing was sent on it. When it turns out that a pooler stands
// before the server, run is called once more, and statements are prepared no longer.
func (s *Store) borrow(ctx context.Context, run func(context.Context, *pgx.Conn) error) (sent bool, err error) {
	sent, err = s.lend(ctx, run)
	if code := codeOf(err); code == codeUnknownStatement || code == codeKnownStatement {
		s.unnamed.Store(true)
		s.log.Info("the database is behind a pooler: statements are not prepared", "cause", err)
		return s.lend(ctx, run)
	}
	return sent, err
}

// lend calls run with a connection.
func (s *Store) lend(ctx context.Context, run func(context.Context, *pgx.Conn) error) (sent bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	conn, err := s.acquire(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Release()
	detached, cancel := detach(ctx)
	defer cancel()
	err = run(detached, conn.Conn())
	if err != nil && (conn.Conn().IsClosed() || codeOf(err) == codeReadOnly) {
		s.pool.Reset() // the server went away, or became a standby: the other connections are of no use either
	}
	return err == nil || !pgconn.SafeToRetry(err), err
}

// querier is a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// each calls do with every row of the answer.
func each(ctx context.Context, q querier, do func(pgx.CollectableRow) error, statement string, args ...any) error {
	rows, err := q.Query(ctx, statement, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// read runs a statement that changes nothing and returns its rows. If its connection turns out to be lost, it is run once
// more on another.
func read[T any](ctx context.Context, s *Store, scan func(pgx.CollectableRow) (T, error), statement string, args ...any) ([]T, error) {
	list := []T{}
	collect := func(rows pgx.CollectableRow) error {
		entry, err := scan(rows)
		list = append(list, entry)
		return err
	}
	sent, err := s.attempt(ctx, collect, statement, args...)
	if err != nil && sent && isLost(err) && ctx.Err() == nil {
		list = list[:0]
		_, err = s.attempt(ctx, collect, statement, args...)
	}
	return list, translate(ctx, err)
}

// readOne runs a statement that changes nothing and returns its only row. Returns ErrNotFound if there is none.
func readOne[T any](ctx context.Context, s *Store, scan func(pgx.CollectableRow) (T, error), statement string, args ...any) (one T, err error) {
	list, err := read(ctx, s, scan, statement, args...)
	switch {
	case err != nil:
		return one, err
	case len(list) == 0:
		return one, items.ErrNotFound
	}
	return list[0], nil
}

// write runs a statement that makes one change, whole or not at all, and reports whether it did: a condition in the
// statement may not have held. The statement is a transaction of its own, so that nothing is ever left open between two
// messages, and returns the id of the item. Its errors are those of commit.
func (s *Store) write(ctx context.Context, statement string, args ...any) (id int64, done bool, err error) {
	err = s.commit(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		done = false
		return s.each(ctx, conn, func(rows pgx.CollectableRow) error {
			done = true
			return rows.Scan(&id)
		}, statement, args...)
	})
	if err != nil {
		return 0, false, err
	}
	if done {
		s.changed()
	}
	return id, done, nil
}

// commit calls run, which sends one message that is a transaction. What PostgreSQL undid to keep transactions apart is
// tried again until the context ends.
//
// The error is ErrUncertain if the connection was lost before the answer came.
func (s *Store) commit(ctx context.Context, run func(context.Context, *pgx.Conn) error) error {
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		sent, err := s.borrow(ctx, run)
		code := codeOf(err)
		switch {
		case err == nil:
			return nil
		case code == codeSerializationFailure || code == codeDeadlock:
			time.Sleep(rand.N(pause)) //nolint:gosec // spreads the attempts; nobody gains from guessing it
		case sent && isLost(err):
			return outage(items.ErrUncertain, err)
		default:
			return translate(ctx, err)
		}
	}
}
