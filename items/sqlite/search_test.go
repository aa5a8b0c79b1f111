package sqlite_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"menu-api/items"
	"menu-api/items/sqlite"
	"menu-api/items/sqlite/sqlitetest"
	"menu-api/items/storetest"
)

func TestSearchEndsWithItsContext(t *testing.T) { //nolint:paralleltest // it measures time
	storetest.TestSearchEndsWithItsContext(t, engine())
}

func mustSearch(tb testing.TB, store items.Store, words ...string) (ids []int64) {
	tb.Helper()
	menu, err := store.List(context.Background(), items.Query{Words: words})
	if err != nil {
		tb.Fatal(err)
	}
	for _, item := range menu {
		ids = append(ids, item.ID)
	}
	return ids
}

// waitForIndex waits until the background has indexed every item.
func waitForIndex(tb testing.TB, store *sqlite.Store) {
	tb.Helper()
	for began := time.Now(); sqlite.IsIndexing(store); time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > 30*time.Second {
			tb.Fatal("some items are not indexed after 30 s")
		}
	}
}

// A search sees what another program writes to the file, whether or not that program knows the index. The background
// indexes it at the next start.
func TestSearchAfterAnotherProgramWrote(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		statement, word string
		want            []int64
	}{
		"it adds an item":      {`INSERT INTO items (name, price, description, image, search) VALUES ('Lasagne', 1, '', '', 'lasagne')`, "lasagne", []int64{4}},
		"it raises a version":  {`UPDATE items SET name = 'Lasagne', search = 'lasagne', version = version + 1 WHERE id = 2`, "lasagne", []int64{2}},
		"it changes only text": {`UPDATE items SET name = 'Lasagne', search = 'lasagne' WHERE id = 2`, "lasagne", []int64{2}},
		"it removes text":      {`UPDATE items SET name = 'Lasagne', search = 'lasagne' WHERE id = 2`, "pizza", nil},
		"it replaces an item":  {`REPLACE INTO items (id, name, price, description, image, search) VALUES (2, 'Lasagne', 1, '', '', 'lasagne')`, "lasagne", []int64{2}},
		"it deletes an item":   {`DELETE FROM items WHERE id = 2`, "pizza", nil},
		"it changes no text":   {`UPDATE items SET price = 5`, "pizza", []int64{2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := t.TempDir() + "/menu.db"
			sqlitetest.Write(t, file)
			store := mustOpen(t, file)
			if err := store.Seed(context.Background(), items.AuditInfo{}, items.DefaultMenu()); err != nil {
				t.Fatal(err)
			}
			waitForIndex(t, store)
			mustExec(t, file, test.statement)
			if got := mustSearch(t, store, test.word); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}
			store = mustOpen(t, file)
			waitForIndex(t, store)
			if got := mustSearch(t, store, test.word); !slices.Equal(got, test.want) {
				t.Errorf("once every item is indexed: got %v, want %v", got, test.want)
			}
		})
	}
}

// Building the index continues after a restart, and searches are complete at any time.
func TestIndexIsBuiltInSteps(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/menu.db"
	const n = 2000 // ten steps
	store := mustOpen(t, file)
	if err := store.Import(context.Background(), items.AuditInfo{}, false, storetest.Many(n)); err != nil {
		t.Fatal(err)
	}
	restarts := 0
	for ; sqlite.IsIndexing(store); restarts++ {
		if got := len(mustSearch(t, store, "market", "butter")); got != n {
			t.Fatalf("after %d restarts: found %d items, want %d", restarts, got, n)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		store = mustOpen(t, file)
	}
	if restarts == 0 {
		t.Error("the index was complete after the import, want it built in steps")
	}
	if got := len(mustSearch(t, store, "market", "butter")); got != n {
		t.Errorf("with a complete index: found %d items, want %d", got, n)
	}
}

// Items that an older version of the program wrote get new search keys in the background. Their versions and the history stay.
func TestKeysOfAnOlderVersionAreUpdated(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/menu.db"
	store, ctx := mustOpen(t, file), context.Background()
	const n = 450 // several steps
	storetest.MustImport(t, store, n, items.Item{Name: "Soup", Category: "Chef’s"})
	before, err := store.Feed(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	mustExec(t, file, `UPDATE items SET search = 'soup chef’s', group_key = 'chef’s', version = version + 1`)
	store = mustOpen(t, file)
	waitForIndex(t, store)
	menu, err := store.List(ctx, items.Query{Words: []string{"chef's"}, Category: "chef's"})
	if err != nil || len(menu) != n || menu[0].Version != 2 {
		t.Fatalf("got %d items, %v, want %d with version 2", len(menu), err, n)
	}
	if after, err := store.Feed(ctx); err != nil || after != before {
		t.Errorf("got feed %+v, %v, want %+v", after, err, before)
	}
}
