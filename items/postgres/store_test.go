//go:build external

package postgres_test

import (
	"context"
	"testing"

	"menu-api/items"
	"menu-api/items/postgres"
	"menu-api/items/postgres/pgtest"
	"menu-api/items/storetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, engine(true))
}

// Without notifications, only the change feed works differently.
func TestConformancePolling(t *testing.T) {
	t.Parallel()
	storetest.RunMatching(t, engine(false), "feed")
}

// pooledTests are the tests that depend on transactions, sessions or locks, which PgBouncer affects. make soak runs them all.
var pooledTests = "Create|feed|ogether|Two stores|oncurrent|linearizable|mport|UpdateMany|One of many|fails alone"

// The same tests behind PgBouncer in transaction mode, where each transaction may use another connection. Notifications do not
// arrive there. The options are the defaults.
func TestConformanceBehindPgBouncer(t *testing.T) {
	t.Parallel()
	storetest.RunMatching(t, pooled(), pooledTests)
}

func engine(notify bool) storetest.Engine {
	open := func(url string) (items.Store, error) {
		return postgres.Open(context.Background(), postgres.Options{URL: url, Notify: notify})
	}
	return storetest.Engine{
		Open: open, NewEmptyPlace: pgtest.NewDatabase,
		NewPlace: func(tb testing.TB) string {
			tb.Helper()
			return pgtest.NewMigratedDatabase(tb, func(url string) error {
				store, err := open(url)
				if err != nil {
					return err
				}
				postgres.WaitForIndex(tb, store.(*postgres.Store))
				return store.Close()
			})
		},
	}
}

// newMigrated returns the URL of a new database that has the schema and a complete search index.
func newMigrated(tb testing.TB) string { tb.Helper(); return engine(true).NewPlace(tb) }

// pooled is the engine behind PgBouncer.
func pooled() storetest.Engine {
	direct := engine(true)
	return storetest.Engine{
		Open:          direct.Open,
		NewPlace:      func(tb testing.TB) string { tb.Helper(); return pgtest.Pooled(tb, direct.NewPlace(tb)) },
		NewEmptyPlace: pgtest.NewPooledDatabase,
	}
}

// A reset that has to be tried again counts once.
func TestResetIsTriedAgain(t *testing.T) {
	t.Parallel()
	url := newMigrated(t)
	store, conn := mustOpen(t, url), mustConnect(t, url)
	ctx := context.Background()
	if _, err := store.Create(ctx, items.AuditInfo{}, items.Item{Name: "Soup"}); err != nil {
		t.Fatal(err)
	}
	// An import has taken the next id and not raised the sequence yet, as between two of its batches.
	mustExec(t, conn, `
INSERT INTO items SELECT id + 1, name, price, description, image, tagline, category, calories, version, search, name_key, group_key FROM items;
INSERT INTO changes (item_id, version, action, author, at) VALUES (3, 1, 'create', '', now())`)
	added, err := store.Reset(ctx, items.AuditInfo{By: "auth0|chef"}, items.DefaultMenu())
	if err != nil || len(added) != 3 || added[0].ID <= 3 || added[2].ID != added[0].ID+2 {
		t.Errorf("got %+v, %v, want ids that nothing has had", added, err)
	}
	menu, err := store.List(ctx, items.Query{})
	if err != nil || len(menu) != 3 {
		t.Errorf("got %+v, %v, want the default menu once", menu, err)
	}
}
