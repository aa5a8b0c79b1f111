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

// translate turns an error of the engine into an error of items. It returns other errors unchanged.
func translate(ctx context.Context, err error) error {
	var engine *sqlite.Error
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return items.ErrNotFound
	case errors.Is(err, ErrReplaced):
		return fmt.Errorf("%w: %w", items.ErrUnavailable, err)
	case !errors.As(err, &engine) && !errors.Is(err, sql.ErrConnDone) && !errors.Is(err, sql.ErrTxDone):
		return err
	case ctx.Err() != nil:
		return ctx.Err() // SQLite reports an interrupted statement with its own code
	}
	switch primaryCode(err) {
	case lib.SQLITE_ERROR, lib.SQLITE_CONSTRAINT, lib.SQLITE_MISMATCH, lib.SQLITE_RANGE, lib.SQLITE_MISUSE:
		return err // the statement does not fit the schema: a bug, not an outage
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return fmt.Errorf("%w: %w (%w)", items.ErrUnavailable, ErrDamaged, err)
	}
	return fmt.Errorf("%w: %w", items.ErrUnavailable, err)
}

// primaryCode returns the primary result code (https://www.sqlite.org/rescode.html), or 0 if the error has none.
func primaryCode(err error) int {
	if engine, ok := errors.AsType[*sqlite.Error](err); ok {
		return engine.Code() & 0xff
	}
	return 0
}

// isDuplicate reports whether SQLite rejected a row because its key exists.
func isDuplicate(err error) bool {
	engine, ok := errors.AsType[*sqlite.Error](err)
	return ok && (engine.Code() == lib.SQLITE_CONSTRAINT_UNIQUE || engine.Code() == lib.SQLITE_CONSTRAINT_PRIMARYKEY)
}
