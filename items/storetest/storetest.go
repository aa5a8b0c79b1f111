// Package storetest is the conformance suite of items.Store: tests of what its comments promise. Every engine runs it.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"sync"
	"testing"
	"time"

	"menu-api/items"
)

// Engine is a kind of store under test.
type Engine struct {
	// Open returns a store on the database with the name, which it creates if it does not exist.
	Open func(place string) (items.Store, error)
	// NewPlace returns the name of a new database, which can have the schema already.
	NewPlace func(tb testing.TB) string
	// NewEmptyPlace returns the name of a database without a schema. Without it, NewPlace does.
	NewEmptyPlace func(tb testing.TB) string
}

// Run runs the suite.
func Run(t *testing.T, engine Engine) { RunMatching(t, engine, "") }

// RunMatching runs the tests of the suite whose names match the regular expression.
func RunMatching(t *testing.T, engine Engine, names string) {
	if engine.NewEmptyPlace == nil {
		engine.NewEmptyPlace = engine.NewPlace
	}
	for name, test := range map[string]func(*testing.T, Engine){
		"Create returns the item as stored":        testCreate,
		"List is ordered by id":                    testList,
		"Update replaces":                          testUpdate,
		"Delete removes":                           testDelete,
		"A write that is rejected changes nothing": testRejected,
		"A cancelled context ends a call":          testCancelled,
		"An unknown id":                            testUnknownID,
		"Ids are never reused":                     testIDsNotReused,
		"Seed works once":                          testSeedOnce,
		"Seed with nothing is final":               testSeedNothing,
		"Concurrent creates get distinct ids":      testConcurrentCreates,
		"Concurrent updates are not lost":          testConcurrentUpdates,
		"Stores may start together":                testStartTogether,
		"Two stores see each other's writes":       testTwoStores,

		"Every write is in the history":                  testHistory,
		"History comes in pages":                         testHistoryPages,
		"A deleted item is restored as it was":           testRestore,
		"What is there cannot be restored":               testRestoreRefused,
		"A key makes a retried write count once":         testKey,
		"Keys belong to their subject and their request": testKeyOfAnother,
		"Keys expire": testKeyExpires,
		"A refused write does not use up its key":        testKeyOfRefused,
		"One of many writes under a key counts":          testKeyConcurrent,
		"The feed has every change once, in order":       testFeed,
		"The feed hides no change of concurrent writers": testFeedConcurrent,
		"The feed tells of an import as one change":      testFeedOfImport,
		"The feed has another store's changes soon":      testFeedOfOther,
		"A change feed publishes every change once":      testChangeFeed,
		"A change feed without subscribers skips rows":   testChangeFeedIdle,
		"A change feed resumes after any event":          testChangeFeedResumes,
		"A change feed resets after an import":           testChangeFeedImport,
		"Pages of every order make up the menu":          testPages,
		"The order of the menu follows positions":        testMenuOrder,
		"Each category is listed once":                   testCategories,
		"Search ignores case and accents":                testSearch,
		"Search finds what a scan would find":            testSearchMatchesScan,
		"One failing write in many fails alone":          testFailsAlone,
		"Reads and writes of an item are linearizable":   testLinearizable,
		"Export and import move everything":              testMove,
		"Reset replaces the menu":                        testReset,
		"Reset is one step among concurrent writes":      testResetConcurrent,
		"Reset is one change in the feed":                testResetFeed,
		"UpdateMany changes, deletes and restores":       testUpdateMany,
		"UpdateMany checks the state of the feed":        testUpdateManyAt,
		"UpdateMany under a key counts once":             testUpdateManyKey,
		"UpdateMany is one step among concurrent writes": testUpdateManyConcurrent,
		"UpdateMany takes many items":                    testUpdateManyLarge,
		"Recent has all changes in pages, newest first":  testRecent,
		"Import gives ids and history to new items":      testImportNew,
		"Import is all or nothing":                       testImportRefuses,
		"Import replaces the menu if asked to":           testImportReplaces,
		"A clock that steps back does no harm":           testClockBack,

		"Pruning keeps the state of every item":      testPrune,
		"Pruning keeps the newest number":            testPruneNewest,
		"A change feed resets after pruning":         testPruneFeed,
		"Pruning deletes expired keys":               testPruneKeys,
		"Erasing replaces a person and forgets keys": testErase,
	} {
		if !regexp.MustCompile(names).MatchString(name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, engine)
		})
	}
}

// size is what makes the suite slow. make soak runs it with larger values.
var size = struct{ updated, written, searches int }{updated: 500, written: 40, searches: 15}

// info is the audit info of most writes of the suite.
var info = items.AuditInfo{By: "auth0|chef", At: time.Date(2026, 2, 28, 23, 59, 59, 123_000_000, time.FixedZone("", 3600))}

// mustOpen opens a store on a new database.
func mustOpen(tb testing.TB, engine Engine) items.Store {
	tb.Helper()
	return mustOpenAt(tb, engine, engine.NewPlace(tb))
}

func mustOpenAt(tb testing.TB, engine Engine, place string) items.Store {
	tb.Helper()
	store, err := engine.Open(place)
	if err != nil {
		tb.Fatalf("Open(%s): %v", place, err)
	}
	tb.Cleanup(func() { _ = store.Close() })
	return store
}

func mustCreate(tb testing.TB, store items.Store, item items.Item) items.Item {
	tb.Helper()
	created, err := store.Create(context.Background(), info, item)
	if err != nil {
		tb.Fatalf("Create: %v", err)
	}
	return created
}

func mustGet(tb testing.TB, store items.Store, id int64) items.Item {
	tb.Helper()
	item, err := store.Get(context.Background(), id)
	if err != nil {
		tb.Fatalf("Get(%d): %v", id, err)
	}
	return item
}

func mustList(tb testing.TB, store items.Store) []items.Item {
	tb.Helper()
	menu, err := store.List(context.Background(), items.Query{})
	if err != nil {
		tb.Fatalf("List: %v", err)
	}
	return menu
}

func assertEqual(tb testing.TB, got, want any) {
	tb.Helper()
	if !reflect.DeepEqual(got, want) {
		tb.Errorf("got %+v, want %+v", got, want)
	}
}

func assertIs(tb testing.TB, got, want error) {
	tb.Helper()
	if !errors.Is(got, want) {
		tb.Errorf("got error %v, want %v", got, want)
	}
}

func soup() items.Item {
	calories, position := int64(320), int64(2500)
	return items.Item{
		Name: "Soup", Price: 450, Description: "Warm", Image: "https://example.com/soup.png",
		Tagline: "For cold days", Category: "Starter", Calories: &calories, SoldOut: true, Position: &position,
	}
}

func testCreate(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	zero, most, last := int64(0), int64(100_000), int64(1_000_000_000_000)
	menu := map[string]items.Item{
		"all fields": soup(), "required fields": {Name: "Water"}, "zero calories": {Name: "Water", Calories: &zero},
		"the first position": {Name: "Water", Position: &zero},
		"the largest values": {Name: "Gold leaf", Price: items.MaxPrice, Calories: &most, Position: &last},
		"ignored values":     {ID: 4711, Version: 5, Name: "Water"},
	}
	for _, text := range []string{"'; DROP TABLE items; --", `back\slash "quote"`, "%_", "smörgåsbord 🍔 \u2028", "a\nb\tc", " spaced "} {
		menu[text] = items.Item{Name: text, Description: text, Tagline: text, Category: text}
	}
	id := int64(0)
	for name, item := range menu {
		created := mustCreate(t, store, item)
		id++
		item.ID, item.Version = id, 1
		if got := mustGet(t, store, id); !reflect.DeepEqual(created, item) || !reflect.DeepEqual(got, item) {
			t.Errorf("%s: created %+v, then got %+v, want %+v", name, created, got, item)
		}
	}
}

func testList(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	if menu := mustList(t, store); len(menu) != 0 || menu == nil {
		t.Errorf("got %#v, want an empty list that is not nil", menu)
	}
	var want []items.Item
	for range 12 { // past 9, where sorting as text would differ
		want = append(want, mustCreate(t, store, soup()))
	}
	assertEqual(t, mustList(t, store), want)
}

func testUpdate(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	other := mustCreate(t, store, soup())
	created := mustCreate(t, store, soup())
	want := items.Item{ID: created.ID, Name: "Broth", Price: 1, Version: 2}
	updated, err := store.Update(context.Background(), info, created.ID, func(current items.Item) (items.Item, error) {
		assertEqual(t, current, created)
		return items.Item{ID: 12345, Name: "Broth", Price: 1, Version: 77}, nil // id and version are not the caller's
	})
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
	assertEqual(t, updated, want)
	assertEqual(t, mustList(t, store), []items.Item{other, want})
}

func testRejected(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	created := mustCreate(t, store, soup())
	rejected := errors.New("rejected")
	_, err := store.Update(context.Background(), info, created.ID, func(items.Item) (items.Item, error) {
		return items.Item{Name: "Broth"}, rejected
	})
	assertIs(t, err, rejected)
	_, err = store.Delete(context.Background(), info, created.ID, func(items.Item) error { return rejected })
	assertIs(t, err, rejected)
	ctx, cancel := context.WithCancel(context.Background())
	_, err = store.Update(ctx, info, created.ID, func(i items.Item) (items.Item, error) {
		cancel() // the client disconnects during the write
		i.Name = "Broth"
		return i, nil
	})
	assertIs(t, err, context.Canceled)
	assertEqual(t, mustList(t, store), []items.Item{created})
}

func testCancelled(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := store.List(ctx, items.Query{})
	assertIs(t, err, context.Canceled)
	_, err = store.Get(ctx, 1)
	assertIs(t, err, context.Canceled)
	_, err = store.Create(ctx, info, soup())
	assertIs(t, err, context.Canceled)
	assertIs(t, store.Wait(ctx), context.Canceled)
	assertIs(t, store.Ping(context.Background()), nil)
	assertEqual(t, mustList(t, store), []items.Item{})
}

func testUnknownID(t *testing.T, engine Engine) {
	store, ctx := mustOpen(t, engine), context.Background()
	_, err := store.Get(ctx, 99)
	assertIs(t, err, items.ErrNotFound)
	_, err = store.Update(ctx, info, 99, func(i items.Item) (items.Item, error) {
		t.Error("change was called for an item that does not exist")
		return i, nil
	})
	assertIs(t, err, items.ErrNotFound)
	_, err = store.Delete(ctx, info, 99, func(items.Item) error {
		t.Error("allow was called for an item that does not exist")
		return nil
	})
	assertIs(t, err, items.ErrNotFound)
	_, err = store.History(ctx, 99, 0, 10)
	assertIs(t, err, items.ErrNotFound)
}

func allow(items.Item) error { return nil }

func testDelete(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	kept, created := mustCreate(t, store, soup()), mustCreate(t, store, soup())
	deleted, err := store.Delete(context.Background(), info, created.ID, func(current items.Item) error {
		assertEqual(t, current, created)
		return nil
	})
	if err != nil {
		t.Fatalf("Delete: %v", err)
	}
	assertEqual(t, deleted, created)
	assertEqual(t, mustList(t, store), []items.Item{kept})
	_, err = store.Get(context.Background(), created.ID)
	assertIs(t, err, items.ErrNotFound)
}

func testIDsNotReused(t *testing.T, engine Engine) {
	place := engine.NewPlace(t)
	store := mustOpenAt(t, engine, place)
	last := mustCreate(t, store, soup())
	if _, err := store.Delete(context.Background(), info, last.ID, allow); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	if err := store.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if next := mustCreate(t, mustOpenAt(t, engine, place), soup()); next.ID <= last.ID {
		t.Errorf("got id %d after %d was deleted, want a higher one", next.ID, last.ID)
	}
}

func testSeedOnce(t *testing.T, engine Engine) {
	place := engine.NewPlace(t)
	store := mustOpenAt(t, engine, place)
	ctx := context.Background()
	for range 2 {
		if err := store.Seed(ctx, info, items.DefaultMenu()); err != nil {
			t.Fatalf("Seed: %v", err)
		}
		assertEqual(t, mustList(t, store), items.DefaultMenu())
	}
	for _, item := range items.DefaultMenu() {
		if _, err := store.Delete(ctx, info, item.ID, allow); err != nil {
			t.Fatalf("Delete: %v", err)
		}
	}
	_ = store.Close()
	store = mustOpenAt(t, engine, place)
	if err := store.Seed(ctx, info, items.DefaultMenu()); err != nil {
		t.Fatalf("Seed: %v", err)
	}
	assertEqual(t, mustList(t, store), []items.Item{}) // a menu that was emptied stays empty
}

func testSeedNothing(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	for _, menu := range [][]items.Item{nil, items.DefaultMenu()} {
		if err := store.Seed(context.Background(), info, menu); err != nil {
			t.Fatalf("Seed: %v", err)
		}
		assertEqual(t, mustList(t, store), []items.Item{})
	}
}

func testConcurrentCreates(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	const writers, each = 8, 10
	ids := make(chan int64, writers*each)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := range each {
				item, err := store.Create(context.Background(), info, items.Item{Name: fmt.Sprintf("%d-%d", w, n)})
				if err != nil {
					t.Errorf("Create: %v", err)
					return
				}
				ids <- item.ID
			}
		})
	}
	wg.Wait()
	close(ids)
	seen := map[int64]bool{}
	for id := range ids {
		seen[id] = true
	}
	assertEqual(t, len(seen), writers*each)
	if menu := mustList(t, store); len(menu) != writers*each {
		t.Errorf("got %d items, want %d", len(menu), writers*each)
	}
}

func testConcurrentUpdates(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	item := mustCreate(t, store, items.Item{Name: "Counter"})
	const writers, each = 8, 10
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				_, err := store.Update(context.Background(), info, item.ID, func(i items.Item) (items.Item, error) {
					i.Price++
					return i, nil
				})
				if err != nil {
					t.Errorf("Update: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if got := mustGet(t, store, item.ID).Price; got != writers*each {
		t.Errorf("got %d increments, want %d", got, writers*each)
	}
}

// If several processes start together on a new database, all of them start, and the menu is seeded once.
func testStartTogether(t *testing.T, engine Engine) {
	for range 2 {
		place := engine.NewEmptyPlace(t)
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				store, err := engine.Open(place)
				if err != nil {
					t.Errorf("Open: %v", err)
					return
				}
				if err := store.Seed(context.Background(), info, items.DefaultMenu()); err != nil {
					t.Errorf("Seed: %v", err)
				}
				if menu, err := store.List(context.Background(), items.Query{}); err != nil || !reflect.DeepEqual(menu, items.DefaultMenu()) {
					t.Errorf("got menu %+v, %v, want the default one", menu, err)
				}
				if err := store.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
		}
		wg.Wait()
	}
}

func testTwoStores(t *testing.T, engine Engine) {
	place := engine.NewPlace(t)
	one, two := mustOpenAt(t, engine, place), mustOpenAt(t, engine, place)
	created := mustCreate(t, one, soup())
	assertEqual(t, mustGet(t, two, created.ID), created)
	if next := mustCreate(t, two, soup()); next.ID <= created.ID {
		t.Errorf("got id %d after %d from another store, want a higher one", next.ID, created.ID)
	}
}
