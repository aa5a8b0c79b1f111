//go:build external

package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"menu-api/items"
	"menu-api/items/postgres"
	"menu-api/items/postgres/pgtest"
	"menu-api/server/telemetry/logtest"
)

// as returns the URL for another role, or for another database of the same server.
func as(tb testing.TB, database, role, name string) string {
	tb.Helper()
	u, err := url.Parse(database)
	if err != nil {
		tb.Fatal(err)
	}
	if role != "" {
		u.User = url.User(role)
	}
	if name != "" {
		u.Path = "/" + name
	}
	return u.String()
}

// mustMakeRole creates a role that ends with the test, and returns its name, which is also that of the database.
func mustMakeRole(tb testing.TB, conn *pgx.Conn, database string) string {
	tb.Helper()
	u, err := url.Parse(database)
	if err != nil {
		tb.Fatal(err)
	}
	role := strings.TrimPrefix(u.Path, "/")
	mustExec(tb, conn, "CREATE ROLE "+role+" LOGIN")
	tb.Cleanup(func() { mustExec(tb, conn, "DROP OWNED BY "+role+"; DROP ROLE "+role) })
	return role
}

// statement finds the SQL in a message: it begins with a command in capitals and ends with the message.
var statement = regexp.MustCompile(`(?m)(?:GRANT|CREATE|ALTER) [A-Z].*$`)

// TestUnsuitableDatabases opens databases that do not suit the service, runs the statement of the message as an
// administrator, and opens the database again.
func TestUnsuitableDatabases(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		migrated bool   // the tables exist
		prepare  string // {role} is the role of the service
		want     string
	}{
		"no right to create tables": {false, `REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO {role}`, "may not create tables"},
		"no schema that it may use": {false, `REVOKE ALL ON SCHEMA public FROM PUBLIC`, "no schema"},
		"a role that only reads":    {true, `GRANT USAGE ON SCHEMA public TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}`, "may not write"},
		"no right to read one table": {true, `GRANT USAGE ON SCHEMA public TO {role}; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role};
			GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}; REVOKE SELECT ON seeded FROM {role}`, "seeded"},
		"transactions that only read": {false, `GRANT ALL ON SCHEMA public TO {role}; ALTER ROLE {role} SET default_transaction_read_only = on`, "read-only"},
		"another program's items":     {false, `GRANT ALL ON SCHEMA public TO {role}; CREATE TABLE items (id int, title text)`, "another program"},
		"another program's items, and its migrations": {
			false, `GRANT ALL ON SCHEMA public TO {role}; CREATE TABLE items (id int);
			CREATE TABLE goose_db_version (id serial, version_id bigint NOT NULL, is_applied boolean NOT NULL, tstamp timestamp DEFAULT now());
			INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, true), (99, true); GRANT ALL ON goose_db_version TO {role}`, "another program",
		},
		"another program's migrations": {
			false, `GRANT ALL ON SCHEMA public TO {role};
			CREATE TABLE goose_db_version (id serial, version_id bigint NOT NULL, is_applied boolean NOT NULL, tstamp timestamp DEFAULT now());
			INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, true), (3, true); GRANT ALL ON goose_db_version TO {role}`, "another program",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newDatabase := pgtest.NewDatabase
			if test.migrated {
				newDatabase = newMigrated
			}
			database := newDatabase(t)
			admin := mustConnect(t, database)
			role := mustMakeRole(t, admin, database)
			mustExec(t, admin, strings.ReplaceAll(test.prepare, "{role}", role))
			own := as(t, database, role, "")
			_, err := postgres.Open(t.Context(), postgres.Options{URL: own})
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("got %v, want one line that contains %q", err, test.want)
			}
			t.Log(err)
			cure := statement.FindString(err.Error())
			mustExec(t, admin, cure)
			if strings.Contains(cure, "CREATE SCHEMA") {
				own += "&search_path=menu"
			}
			store := mustOpen(t, own)
			if err := store.Seed(t.Context(), items.AuditInfo{By: "test", At: time.Now()}, items.DefaultMenu()); err != nil {
				t.Errorf("got %v after %s", err, cure)
			}
		})
	}
}

func TestUnsuitableEncodings(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"LATIN1", "SQL_ASCII", "EUC_JP"} {
		t.Run(encoding, func(t *testing.T) {
			t.Parallel()
			database := pgtest.NewDatabase(t)
			admin := mustConnect(t, database)
			name := strings.TrimPrefix(must(url.Parse(database))(t).Path, "/") + "_" + strings.ToLower(encoding)
			mustExec(t, admin, "CREATE DATABASE "+name+" ENCODING '"+encoding+"' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
			t.Cleanup(func() {
				mustExec(t, admin, "DROP DATABASE "+name)
				mustExec(t, admin, "DROP DATABASE IF EXISTS "+name+"_utf8")
			})
			_, err := postgres.Open(t.Context(), postgres.Options{URL: as(t, database, "", name)})
			if err == nil || !strings.Contains(err.Error(), encoding) {
				t.Fatalf("got %v, want an error that names %s", err, encoding)
			}
			mustExec(t, admin, statement.FindString(err.Error()))
			store := mustOpen(t, as(t, database, "", name+"_utf8"))
			emoji := items.Item{Name: "🍲", Price: 1}
			if _, err := store.Create(t.Context(), items.AuditInfo{By: "test", At: time.Now()}, emoji); err != nil {
				t.Errorf("got %v for an emoji in the new database", err)
			}
			_ = store.Close()
		})
	}
}

// must returns a function that fails the test if there is an error.
func must[T any](value T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return value
	}
}

// TestLostPrivileges takes privileges away while the store runs: reads go on, writes are unavailable, and the log has the
// statement that an administrator has to run. After it, writes go on.
func TestLostPrivileges(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]string{
		"to write":            "REVOKE INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public FROM {role}",
		"to use one sequence": "REVOKE USAGE ON SEQUENCE item_ids FROM {role}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := newMigrated(t)
			admin := mustConnect(t, database)
			role := mustMakeRole(t, admin, database)
			mustExec(t, admin, strings.ReplaceAll(`GRANT USAGE ON SCHEMA public TO {role}; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role};
				GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}`, "{role}", role))
			log := &logtest.Buffer{}
			store, err := postgres.Open(t.Context(), postgres.Options{URL: as(t, database, role, ""), Logger: slog.New(slog.NewTextHandler(log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = store.Close() }()
			info := items.AuditInfo{By: "test", At: time.Now()}
			soup := items.Item{Name: "Soup", Price: 1}
			if _, err := store.Create(t.Context(), info, soup); err != nil {
				t.Fatal(err)
			}
			mustExec(t, admin, strings.ReplaceAll(lost, "{role}", role))
			if _, err := store.Create(t.Context(), info, soup); !errors.Is(err, items.ErrUnavailable) {
				t.Errorf("got %v for a write, want ErrUnavailable", err)
			}
			if err := store.Ping(t.Context()); err != nil {
				t.Errorf("got %v for Ping, want reads to go on", err)
			}
			cure := ""
			for deadline := time.Now().Add(30 * time.Second); cure == "" && time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
				lines := searchIndex.ReplaceAllString(log.String(), "")
				cure = statement.FindString(strings.ReplaceAll(lines, `"`, ""))
			}
			if cure == "" {
				t.Fatalf("the log has no statement:\n%s", log)
			}
			mustExec(t, admin, cure)
			if _, err := store.Create(t.Context(), info, soup); err != nil {
				t.Errorf("got %v after %s", err, cure)
			}
		})
	}
}

// searchIndex matches the line about the search index, which this role cannot create.
var searchIndex = regexp.MustCompile(`(?m)^.*pg_trgm.*\n`)

// TestStalePlans changes the type of a column while connections have cached plans of the statements.
func TestStalePlans(t *testing.T) {
	t.Parallel()
	database := newMigrated(t)
	store := mustOpen(t, database)
	postgres.WaitForIndex(t, store) // or ALTER TABLE and the build of the search index may wait for each other
	info := items.AuditInfo{By: "test", At: time.Now()}
	soup, err := store.Create(t.Context(), info, items.Item{Name: "Soup", Price: 1})
	if err != nil {
		t.Fatal(err)
	}
	var readers sync.WaitGroup // so that several connections have a plan
	for range 8 {
		readers.Go(func() {
			for range 20 {
				_, _ = store.Get(context.Background(), soup.ID)
			}
		})
	}
	readers.Wait()
	mustExec(t, mustConnect(t, database), "ALTER TABLE items ALTER COLUMN name TYPE varchar(200)")
	if got, err := store.Get(t.Context(), soup.ID); err != nil || got.Name != "Soup" {
		t.Errorf("got %+v, %v after the change, want the item", got, err)
	}
	rename := func(item items.Item) (items.Item, error) { item.Name = "Stew"; return item, nil }
	if _, err := store.Update(t.Context(), info, soup.ID, rename); err != nil {
		t.Errorf("got %v for a write after the change", err)
	}
}

// TestLogins checks that neither the password nor the role appears in the message about a login that fails.
func TestLogins(t *testing.T) {
	t.Parallel()
	u := must(url.Parse(pgtest.NewDatabase(t)))(t)
	rapid.Check(t, func(rt *rapid.T) {
		password := "hunter" + rapid.StringMatching(`[^\x00]*`).Draw(rt, "password") + "hunter"
		u.User = url.UserPassword("unknown_role", password)
		_, err := postgres.Open(t.Context(), postgres.Options{URL: u.String()})
		if err == nil || strings.Contains(err.Error(), "hunter") || strings.Contains(err.Error(), "unknown_role") {
			rt.Errorf("got %v, want an error without the login", err)
		}
	})
}

// A server that may lose confirmed writes gets a warning, not an error.
func TestWarnsOfSynchronousCommit(t *testing.T) {
	t.Parallel()
	url := pgtest.NewDatabase(t)
	separator := "?"
	if strings.Contains(url, "?") {
		separator = "&"
	}
	for value, want := range map[string]bool{"off": true, "on": false} {
		var log bytes.Buffer
		store, err := postgres.Open(t.Context(), postgres.Options{
			URL: url + separator + "synchronous_commit=" + value, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		if got := strings.Contains(log.String(), "synchronous_commit is off"); got != want {
			t.Errorf("synchronous_commit=%s: got the log %q, want a warning: %t", value, &log, want)
		}
	}
}
