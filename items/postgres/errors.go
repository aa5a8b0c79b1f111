package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"menu-api/items"
)

// The codes of errors that are told apart (https://www.postgresql.org/docs/current/errcodes-appendix.html).
const (
	codeSerializationFailure = "40001"
	codeDeadlock             = "40P01"
	codeDuplicate            = "23505"
	codeTooManyConnections   = "53300"
	codeCannotConnectNow     = "57P03"
	codeReadOnly             = "25006"
	codeUnknownStatement     = "26000"
	codeKnownStatement       = "42P05"
)

// outages are the codes, and classes of codes, of a server that cannot answer for now. What is in no class of this list is
// a bug of ours.
var outages = []string{
	"08",         // connection exception
	"53",         // insufficient resources: the disk is full, too many connections
	"57",         // operator intervention: shutting down, crashed, statement cancelled
	"58",         // system error
	"55P03",      // lock not available
	codeReadOnly, // the server has become a standby
}

// codeOf returns the SQLSTATE of an error of the server, "" of any other.
func codeOf(err error) string {
	if failure, ok := errors.AsType[*pgconn.PgError](err); ok {
		return failure.Code
	}
	return ""
}

func isOutage(code string) bool {
	for _, outage := range outages {
		if strings.HasPrefix(code, outage) {
			return true
		}
	}
	return false
}

// isLost reports whether an error ended the connection: whatever it carried may or may not have been done.
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
	case errors.Is(err, pgx.ErrNoRows):
		return items.ErrNotFound
	case isOurs(err):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case code != "" && !isOutage(code) && code != codeSerializationFailure && code != codeDeadlock:
		return err // SQL that does not fit the schema: a bug, not an outage
	}
	return outage(items.ErrUnavailable, err)
}

// outage says that the engine is to blame for an error. One of a context is then not that of the caller's, who has not gone
// away, but of an attempt to connect that was given up: it is told in words alone, or it would be taken for the caller's.
func outage(kind, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %v", kind, err) //nolint:errorlint // see above
	}
	return fmt.Errorf("%w: %w", kind, err)
}

// isOurs reports whether an error came out of this program, and not from the engine or the network.
func isOurs(err error) bool {
	for _, known := range []error{
		items.ErrNotFound, items.ErrNotDeleted, items.ErrKeyReused, items.ErrUncertain, items.ErrUnavailable, items.ErrExists, items.ErrBadHistory,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// explain says what an error means for the person who starts the program.
func explain(err error) error {
	if failure, ok := errors.AsType[*pgconn.PgError](err); ok {
		return errors.New(strings.TrimSpace(failure.Message))
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return fmt.Errorf("it cannot be reached; check DATABASE_URL and that the server runs: %s", strings.Join(strings.Fields(err.Error()), " "))
	}
	return err
}

// hasParameter reports whether a connection URL sets the parameter.
func hasParameter(connection, name string) bool {
	_, query, _ := strings.Cut(connection, "?")
	values, err := url.ParseQuery(query)
	return err == nil && values.Has(name)
}

func isDuplicate(err error) bool { return codeOf(err) == codeDuplicate }
