package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"menu-api/items"
)

// statements are all statements of the package with the lists of columns inserted, for the golden file.
var statements []string

// statement expands a statement. It is called once for each, at start-up.
func statement(text string) string {
	text = items.InsertColumns(text)
	statements = append(statements, text)
	return text
}

// arg is the value of a named parameter.
var arg = sql.Named

// listArg is a list of numbers for json_each.
func listArg(name string, numbers []int64) sql.NamedArg {
	list, _ := json.Marshal(numbers) //nolint:errchkjson // numbers cause no error
	return arg(name, string(list))
}

// itemArgs returns the parameters of a statement that stores the item: its fields, and what lists are searched and sorted by.
func itemArgs(item items.Item) []any {
	args := []any{
		arg("id", item.ID), arg("version", item.Version), arg("search", items.SearchText(item)),
		arg("name_key", items.SortKey(item.Name)), arg("group_key", items.SortKey(item.Category)),
	}
	values := item.Values()
	for i, column := range items.Columns() {
		args = append(args, arg(column, values[i]))
	}
	return args
}

// scanItem reads a row with the columns id, version, {columns}.
func scanItem(row *sql.Rows) (item items.Item, err error) {
	err = row.Scan(append([]any{&item.ID, &item.Version}, item.Pointers()...)...)
	return item, err
}

// querier is a connection, a pool of connections or a transaction.
type querier interface {
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
}

// each calls do with every row of the result.
func each(ctx context.Context, q querier, do func(*sql.Rows) error, text string, args ...any) error {
	rows, err := q.QueryContext(ctx, text, args...)
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

// all returns every row of the result, as scan reads it. It is never nil.
func all[T any](ctx context.Context, q querier, scan func(*sql.Rows) (T, error), text string, args ...any) ([]T, error) {
	list := []T{}
	err := each(ctx, q, func(row *sql.Rows) error {
		value, err := scan(row)
		list = append(list, value)
		return err
	}, text, args...)
	return list, err
}

// one returns the only row of the result, or sql.ErrNoRows.
func one[T any](ctx context.Context, q querier, scan func(*sql.Rows) (T, error), text string, args ...any) (T, error) {
	list, err := all(ctx, q, scan, text, args...)
	if err == nil && len(list) == 0 {
		err = sql.ErrNoRows
	}
	if err != nil {
		var none T
		return none, err
	}
	return list[0], nil
}

// value returns the only value of the result, or sql.ErrNoRows.
func value[T any](ctx context.Context, q querier, text string, args ...any) (T, error) {
	return one(ctx, q, scanValue[T], text, args...)
}

// scanValue reads a row with one column.
func scanValue[T any](row *sql.Rows) (v T, err error) {
	err = row.Scan(&v)
	return v, err
}

// conn is the connection that writes. It prepares each statement once. Only one goroutine may use it at a time.
type conn struct {
	*sql.Conn
	prepared map[string]*sql.Stmt
	// written are the items that the transaction has written, whose entries in the search index it replaces before it commits.
	written []int64
	// hasChanged is true once exec has run a statement for the current job.
	hasChanged bool
}

func (c *conn) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	if prepared, ok := c.prepared[text]; ok {
		return prepared, nil
	}
	prepared, err := c.PrepareContext(ctx, text)
	if err == nil {
		c.prepared[text] = prepared
	}
	return prepared, err
}

// QueryContext implements querier.
func (c *conn) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	prepared, err := c.prepare(ctx, text) //nolint:sqlclosecheck // close closes it
	if err != nil {
		return nil, err
	}
	return prepared.QueryContext(ctx, args...)
}

// exec runs a statement that returns no rows.
func (c *conn) exec(ctx context.Context, text string, args ...any) (sql.Result, error) {
	prepared, err := c.prepare(ctx, text) //nolint:sqlclosecheck // close closes it
	if err != nil {
		return nil, err
	}
	c.hasChanged = true
	return prepared.ExecContext(ctx, args...)
}

// run runs statements that have no parameters.
func (c *conn) run(ctx context.Context, texts ...string) error {
	for _, text := range texts {
		if _, err := c.exec(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

func (c *conn) close() error {
	var errs []error
	for _, prepared := range c.prepared {
		errs = append(errs, prepared.Close())
	}
	return errors.Join(append(errs, c.Close())...)
}
