package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"menu-api/items"
)

// The error codes that the store handles (https://www.postgresql.org/docs/current/errcodes-appendix.html).
const (
	codeSerializationFailure = "40001"
	codeDeadlock             = "40P01"
	codeDuplicate            = "23505"
	codeTooManyConnections   = "53300"
	codeCannotConnectNow     = "57P03"
	codeReadOnly             = "25006"
	codeUnknownStatement     = "26000"
	codeKnownStatement       = "42P05"
	codeStalePlan            = "0A000" // feature not supported: a plan whose result would have other types
	codeLockNotAvailable     = "55P03"
	// codeFilled is the code of failIfFilled. PostgreSQL has no class that begins with M.
	codeFilled = "MN001"
)

// outages are the codes, and prefixes of codes, of a server that cannot answer for now. Any other code means a bug in this
// program.
var outages = []string{
	"08", // connection exception
	"53", // insufficient resources: the disk is full, too many connections
	"57", // operator intervention: shutting down, crashed, statement cancelled
	"58", // system error
	codeLockNotAvailable,
	codeReadOnly, // the server has become a standby
	codeSerializationFailure,
	codeDeadlock,
	// What an administrator took away, and can give back:
	"28",    // the login
	"3D000", // the database
	"3F000", // the schema
	"42P01", // a table
	"42501", // a privilege
}

// codeOf returns the SQLSTATE of an error of the server, and "" for any other error.
func codeOf(err error) string {
	if failure, ok := errors.AsType[*pgconn.PgError](err); ok {
		return failure.Code
	}
	return ""
}

// isLost reports whether an error ended the connection: the server may or may not have executed what was sent on it.
func isLost(err error) bool {
	if failure, ok := errors.AsType[*pgconn.PgError](err); ok {
		return failure.Severity == "FATAL" || failure.Severity == "PANIC"
	}
	return true
}

// translate turns an error of the engine into one of items. Errors of items pass unchanged.
func translate(ctx context.Context, err error) error {
	code := codeOf(err)
	switch {
	case err == nil:
		return nil
	case isOurs(err):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case code == "" || slices.ContainsFunc(outages, func(prefix string) bool { return strings.HasPrefix(code, prefix) }):
		return outage(items.ErrUnavailable, err)
	}
	return err // a bug, not an outage
}

// outage wraps an error in ErrUnavailable or ErrUncertain. A context's error comes from an attempt to connect that timed
// out, not from the caller's context, so it is only in the text: otherwise it would look like the caller's.
func outage(kind, err error) error {
	if connect, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		err = connect.Unwrap() // the message around it has the user name
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %v", kind, err) //nolint:errorlint // see above
	}
	return fmt.Errorf("%w: %w", kind, err)
}

// isOurs reports whether an error comes from this program, and not from the engine or the network.
func isOurs(err error) bool {
	return slices.ContainsFunc([]error{
		items.ErrNotFound, items.ErrNotDeleted, items.ErrKeyReused, items.ErrUncertain, items.ErrUnavailable, items.ErrExists, items.ErrBadHistory, items.ErrMenuChanged,
	}, func(known error) bool { return errors.Is(err, known) })
}

// explain rewords an error for the person who starts the program.
func explain(err error) error {
	if connect, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		err = connect.Unwrap() // the message around it has the user name
		if strings.HasPrefix(codeOf(err), "28") {
			return errors.New("the server rejects the login; check the user name and password in DATABASE_URL, and pg_hba.conf on the server")
		}
		if codeOf(err) == "" {
			var attempts []string // one line for each address, with TLS and without, most of them the same
			for line := range strings.Lines(err.Error()) {
				attempts = append(attempts, strings.TrimSpace(line))
			}
			return fmt.Errorf("it cannot be reached; check DATABASE_URL, and that the server is running: %s", strings.Join(slices.Compact(attempts), "; "))
		}
	}
	if failure, ok := errors.AsType[*pgconn.PgError](err); ok {
		return errors.New(strings.TrimSpace(failure.Message))
	}
	return err
}

func isDuplicate(err error) bool { return codeOf(err) == codeDuplicate }
