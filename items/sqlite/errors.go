package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"menu-api/items"
)

// errPanicked marks a write that panicked. Its caller panics again and never sees the error.
var errPanicked = errors.New("the write panicked")

// translate turns an error of the engine into one of items. Errors of other origin pass unchanged.
func translate(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, sql.ErrNoRows) {
		return items.ErrNotFound
	}
	if !isEngineError(err) {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err() // an interrupted statement fails with a code of SQLite's own
	}
	switch primaryCode(err) {
	case lib.SQLITE_ERROR, lib.SQLITE_CONSTRAINT, lib.SQLITE_MISMATCH, lib.SQLITE_RANGE, lib.SQLITE_MISUSE:
		return err // SQL that does not fit the schema: a bug, not an outage
	}
	return fmt.Errorf("%w: %w", items.ErrUnavailable, err)
}

func isEngineError(err error) bool {
	var engine *sqlite.Error
	return errors.As(err, &engine) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, sql.ErrTxDone)
}

// primaryCode returns the primary result code (https://www.sqlite.org/rescode.html), 0 for an error that has none.
func primaryCode(err error) int {
	var engine *sqlite.Error
	if !errors.As(err, &engine) {
		return 0
	}
	return engine.Code() & 0xff
}

// isDuplicate reports whether a row was refused because there is one with its key.
func isDuplicate(err error) bool {
	var engine *sqlite.Error
	return errors.As(err, &engine) && (engine.Code() == lib.SQLITE_CONSTRAINT_UNIQUE || engine.Code() == lib.SQLITE_CONSTRAINT_PRIMARYKEY)
}
