//go:build unix

// Package pgtest runs PostgreSQL for tests. A test gets a database on a server that all tests of the process share, or a server
// that it may stop, crash and freeze. All of them end with the test process, even if it is killed.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// urlVariable names the server that NewDatabase uses instead of starting one.
const urlVariable = "TEST_POSTGRES_URL"

// NewDatabase returns the URL of a new, empty database, which is dropped after the test. It is on the server that
// TEST_POSTGRES_URL names, or on one that the tests of this process share. It may be called in parallel.
func NewDatabase(tb testing.TB) string {
	tb.Helper()
	return newDatabase(tb, "template0") // no client can connect to it, and a template in use cannot be copied
}

// NewMigratedDatabase is NewDatabase with the schema that migrate creates. migrate runs once: the server copies the database of
// the first call. A server that TEST_POSTGRES_URL names gets no such template, so there the database is empty.
func NewMigratedDatabase(tb testing.TB, migrate func(database string) error) string {
	tb.Helper()
	if getenv(urlVariable) != "" {
		return NewDatabase(tb)
	}
	template.once.Do(func() {
		var server, database string
		if server, template.err = sharedURL(); template.err != nil {
			return
		}
		if template.name, database, template.err = create(server, "template0"); template.err == nil {
			template.err = migrate(database)
		}
	})
	if template.err != nil {
		tb.Fatal(template.err)
	}
	return newDatabase(tb, template.name)
}

var template struct {
	once sync.Once
	name string
	err  error
}

func newDatabase(tb testing.TB, template string) string {
	tb.Helper()
	server, err := sharedURL()
	if err != nil {
		tb.Fatal(err)
	}
	name, database, err := create(server, template)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := execute(server, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			tb.Errorf("the database cannot be dropped: %v", err)
		}
	})
	return database
}

func sharedURL() (string, error) {
	if fromEnv := getenv(urlVariable); fromEnv != "" {
		return fromEnv, nil
	}
	server, err := shared()
	if errors.Is(err, errNotInstalled) {
		return "", fmt.Errorf("%w, or set %s", err, urlVariable)
	}
	if err != nil {
		return "", err
	}
	return server.URL(), nil
}

// shared starts the server that tests share. No test crashes it, so everything that protects data from a crash is off, which
// saves time.
var shared = sync.OnceValues(func() (*Server, error) {
	return newServer([]string{"fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300"})
})

// create creates a database with a new name as a copy of another. It returns the name and the URL.
func create(server, template string) (name, database string, err error) {
	u, err := url.Parse(server)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		// The message leaves out the URL, which may contain a password.
		return "", "", fmt.Errorf("%s must be a URL that begins with postgres://", urlVariable)
	}
	name = "menu_test_" + strings.ToLower(rand.Text())
	if err := execute(server, "CREATE DATABASE "+name+" TEMPLATE "+template); err != nil {
		return "", "", fmt.Errorf("a database cannot be created at %s: %w", u.Redacted(), err)
	}
	u.Path = "/" + name
	return name, u.String(), nil
}

func execute(server, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// timeout limits every wait for the server. It is long, because the machine may be busy with other tests.
const timeout = time.Minute
