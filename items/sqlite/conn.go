package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// conn is a connection that prepares each statement once. It is used by one goroutine at a time, and for statements that
// are fixed: it forgets none.
type conn struct {
	db       *sql.Conn
	prepared map[string]*sql.Stmt
}

func newConn(ctx context.Context, db *sql.DB) (*conn, error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{db: c, prepared: map[string]*sql.Stmt{}}, nil
}

func (c *conn) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	if statement, ok := c.prepared[text]; ok {
		return statement, nil
	}
	statement, err := c.db.PrepareContext(ctx, text)
	if err == nil {
		c.prepared[text] = statement
	}
	return statement, err
}

// exec runs a statement that returns no rows.
func (c *conn) exec(ctx context.Context, text string, args ...any) (sql.Result, error) {
	statement, err := c.prepare(ctx, text) //nolint:sqlclosecheck // close closes it
	if err != nil {
		return nil, err
	}
	return statement.ExecContext(ctx, args...)
}

// query implements querier.
func (c *conn) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	statement, err := c.prepare(ctx, text) //nolint:sqlclosecheck // close closes it
	if err != nil {
		return nil, err
	}
	return statement.QueryContext(ctx, args...)
}

// setCache sets how much of the database the connection holds in memory, in the way of PRAGMA cache_size: pages, or KiB
// when it is negative.
func (c *conn) setCache(ctx context.Context, size int64) error {
	_, err := c.db.ExecContext(ctx, fmt.Sprintf(`PRAGMA cache_size = %d`, size))
	return err
}

func (c *conn) close() error {
	var errs []error
	for _, statement := range c.prepared {
		errs = append(errs, statement.Close())
	}
	clear(c.prepared)
	return errors.Join(append(errs, c.db.Close())...)
}

// pool is the connections that read.
type pool struct{ *sql.DB }

// query implements querier.
func (p pool) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	return p.QueryContext(ctx, text, args...)
}
