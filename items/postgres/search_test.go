//go:build external

package postgres_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"menu-api/items"
	"menu-api/items/postgres"
	"menu-api/items/postgres/pgtest"
	"menu-api/items/storetest"
)

func TestSearchEndsWithItsContext(t *testing.T) { //nolint:paralleltest // it measures time
	storetest.TestSearchEndsWithItsContext(t, engine(true))
}

func mustSearch(tb testing.TB, store items.Store, words ...string) (ids []int64) {
	tb.Helper()
	menu, err := store.List(context.Background(), items.Query{Words: words, Limit: 100})
	if err != nil {
		tb.Fatal(err)
	}
	for _, item := range menu {
		ids = append(ids, item.ID)
	}
	return ids
}

// lines are lines of a log.
type lines chan string

func (l lines) Write(line []byte) (int, error) {
	l <- string(line)
	return len(line), nil
}

// A search finds the same whatever the database has: no extension, one in another schema, the locale C, or an index whose
// creation was interrupted.
func TestSearchIndexIsPrepared(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		before       string
		withoutIndex bool
	}{
		"a new database":                {before: `SELECT 1`},
		"the extension elsewhere":       {before: `CREATE SCHEMA "Ext 1"; CREATE EXTENSION pg_trgm SCHEMA "Ext 1"`},
		"the extension cannot be there": {before: `CREATE FUNCTION show_trgm(text) RETURNS text[] LANGUAGE sql AS 'SELECT NULL::text[]'`, withoutIndex: true},
		"an index that is not valid": {before: `
CREATE EXTENSION pg_trgm;
CREATE INDEX items_by_trigrams ON items USING gin (search gin_trgm_ops);
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'items_by_trigrams'::regclass`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, url := context.Background(), pgtest.NewDatabase(t)
			conn := mustConnect(t, url)
			if strings.Contains(test.before, " items ") { // after the migrations
				_ = mustOpen(t, url).Close()
				mustExec(t, conn, `DROP EXTENSION IF EXISTS pg_trgm CASCADE`)
			}
			mustExec(t, conn, test.before)
			log := make(lines, 100)
			store, err := postgres.Open(ctx, postgres.Options{URL: url, Logger: slog.New(slog.NewTextHandler(log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = store.Close() }()
			// The servers of the tests run without fsync, and the store warns about it.
			isAboutServer := func(line string) bool { return strings.Contains(line, " is off: PostgreSQL") }
			nextLine := func() string {
				line := <-log
				for isAboutServer(line) {
					line = <-log
				}
				return line
			}
			if !test.withoutIndex {
				postgres.WaitForIndex(t, store)
			} else if line := nextLine(); !strings.Contains(line, "CREATE EXTENSION pg_trgm") {
				t.Errorf("got log %q, want the statement for the administrator", line)
			}
			for _, name := range []string{"Onion soup", "Борщ", "--- 100%", "漢字料理 🍔🍔🍔"} {
				if _, err := store.Create(ctx, items.AuditInfo{}, items.Item{Name: name}); err != nil {
					t.Fatal(err)
				}
			}
			for word, want := range map[string][]int64{
				"soup": {1}, "nio": {1}, "борщ": {2}, "орщ": {2}, "---": {3}, "100%": {3}, "漢字料": {4}, "🍔🍔🍔": {4}, "o_p": nil, "so%p": nil, "nowhere": nil,
			} {
				if got := mustSearch(t, store, word); !slices.Equal(got, want) {
					t.Errorf("%q: got %v, want %v", word, got, want)
				}
			}
			for len(log) > 0 {
				if line := <-log; !isAboutServer(line) {
					t.Errorf("got log %q, want nothing more", line)
				}
			}
		})
	}
}

// Items that an older version of the program wrote get new search keys in the background. Their versions and the history stay.
func TestKeysOfAnOlderVersionAreUpdated(t *testing.T) {
	t.Parallel()
	ctx, url := context.Background(), newMigrated(t)
	store := mustOpen(t, url)
	storetest.MustImport(t, store, 250, items.Item{Name: "Soup", Category: "Chef’s"}) // several steps
	mustExec(t, mustConnect(t, url), `UPDATE items SET search = 'soup chef’s', group_key = 'chef’s', version = version + 1`)
	before, err := store.Feed(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	store = mustOpen(t, url)
	query := items.Query{Words: []string{"chef's"}, Category: "chef's", Limit: 1000}
	var menu []items.Item
	for began := time.Now(); len(menu) < 250 && time.Since(began) < time.Minute; time.Sleep(20 * time.Millisecond) {
		if menu, err = store.List(ctx, query); err != nil {
			t.Fatal(err)
		}
	}
	if len(menu) != 250 || menu[0].Version != 2 {
		t.Fatalf("got %d items, want 250 with version 2", len(menu))
	}
	if after, err := store.Feed(ctx); err != nil || after != before {
		t.Errorf("got feed %+v, %v, want %+v", after, err, before)
	}
}
