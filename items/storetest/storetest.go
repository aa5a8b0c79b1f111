// Package storetest is the conformance suite of items.Store: what its comments promise, as tests. Every engine runs it.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"menu-api/items"
)

// Engine is a kind of store under test.
type Engine struct {
	// Open returns a store on the database that place names, making it when it is new.
	Open func(place string) (items.Store, error)
	// NewPlace returns the name of a database that does not exist yet.
	NewPlace func(tb testing.TB) string
}

// Run runs the suite.
func Run(t *testing.T, engine Engine) {
	for name, test := range map[string]func(*testing.T, Engine){
		"Create returns the item as stored":         testCreate,
		"List is ordered by id":                     testList,
		"Get of an unknown id":                      testGetUnknown,
		"Every field survives":                      testFields,
		"Update replaces":                           testUpdate,
		"Update that fails changes nothing":         testUpdateFails,
		"Update of an unknown id":                   testUpdateUnknown,
		"Delete removes":                            testDelete,
		"Delete that is refused changes nothing":    testDeleteRefused,
		"Delete of an unknown id":                   testDeleteUnknown,
		"Ids are never reused":                      testIDsNotReused,
		"Seed works once":                           testSeedOnce,
		"Seed with nothing is final":                testSeedNothing,
		"Everything survives a restart":             testRestart,
		"Concurrent creates have ids of their own":  testConcurrentCreates,
		"Concurrent updates are not lost":           testConcurrentUpdates,
		"A cancelled context ends a call":           testCancelled,
		"A write whose context ended has no effect": testCancelledWrite,
		"Ping":                                 testPing,
		"Stores may start together":            testStartTogether,
		"Two stores see each other's writes":   testTwoStores,
		"The largest menu values are kept":     testExtremes,
		"Text is data, whatever it looks like": testText,

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
		"The feed begins now":                            testFeedBeginsNow,
		"Another store's changes are seen in a second":   testFeedOfOther,
		"Await ends with its context":                    testAwaitCancelled,
		"A follower hands on every change once":          testFollower,
		"A follower passes by what nobody has asked for": testFollowerUnwatched,
		"A follower resumes after any event":             testFollowerResumes,
		"A follower resumes what another began":          testFollowerOther,
		"A follower does not know every cursor":          testFollowerUnknown,
		"A follower says that everything has changed":    testFollowerImport,
		"A subscriber that sleeps is cut off":            testFollowerSlow,
		"A follower gets over failures of its store":     testFollowerOutage,
		"A follower notices that its store was set back": testFollowerSetBack,
		"A follower ends":                                testFollowerEnds,
		"Pages of every order make up the menu":          testPages,
		"Search ignores case and accents":                testSearch,
		"One failing write in many fails alone":          testFailsAlone,
		"Reads and writes of an item are linearizable":   testLinearizable,
		"Export and import move everything":              testMove,
		"Reset removes everything and begins anew":       testReset,
		"Reset is one step among concurrent writes":      testResetConcurrent,
		"Reset is one change in the feed":                testResetFeed,
		"Import gives ids and history to new items":      testImportNew,
		"Import is all or nothing":                       testImportRefuses,
		"Import replaces when told":                      testImportReplaces,
		"A clock that steps back does no harm":           testClockBack,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, engine)
		})
	}
}

// stamp is what most writes of the suite are signed with.
var stamp = items.Stamp{By: "auth0|chef", At: time.Date(2026, 2, 28, 23, 59, 59, 123_000_000, time.FixedZone("", 3600))}

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
	created, err := store.Create(context.Background(), stamp, item)
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
	calories := int64(320)
	return items.Item{
		Name: "Soup", Price: 450, Description: "Warm", Image: "https://example.com/soup.png",
		Tagline: "For cold days", Category: "Starter", Calories: &calories,
	}
}

func testCreate(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	item := soup()
	item.ID = 4711 // ignored
	created := mustCreate(t, store, item)
	if created.ID != 1 {
		t.Errorf("got id %d, want 1 on a new database", created.ID)
	}
	item.ID, item.Version = created.ID, 1
	assertEqual(t, created, item)
	assertEqual(t, mustGet(t, store, created.ID), item)
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

func testGetUnknown(t *testing.T, engine Engine) {
	_, err := mustOpen(t, engine).Get(context.Background(), 99)
	assertIs(t, err, items.ErrNotFound)
}

func testFields(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	zero := int64(0)
	for name, item := range map[string]items.Item{
		"all set":       soup(),
		"none set":      {Name: "Water"},
		"zero calories": {Name: "Water", Calories: &zero},
	} {
		created := mustCreate(t, store, item)
		item.ID, item.Version = created.ID, 1
		if got := mustGet(t, store, created.ID); !reflect.DeepEqual(got, item) {
			t.Errorf("%s: got %+v, want %+v", name, got, item)
		}
	}
}

func testUpdate(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	other := mustCreate(t, store, soup())
	created := mustCreate(t, store, soup())
	want := items.Item{ID: created.ID, Name: "Broth", Price: 1, Version: 2}
	updated, err := store.Update(context.Background(), stamp, created.ID, func(current items.Item) (items.Item, error) {
		assertEqual(t, current, created)
		return items.Item{ID: 12345, Name: "Broth", Price: 1, Version: 77}, nil // id and version are not the caller's
	})
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
	assertEqual(t, updated, want)
	assertEqual(t, mustList(t, store), []items.Item{other, want})
}

func testUpdateFails(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	created := mustCreate(t, store, soup())
	refusal := errors.New("refused")
	_, err := store.Update(context.Background(), stamp, created.ID, func(items.Item) (items.Item, error) {
		return items.Item{Name: "Broth"}, refusal
	})
	assertIs(t, err, refusal)
	assertEqual(t, mustList(t, store), []items.Item{created})
}

func testUpdateUnknown(t *testing.T, engine Engine) {
	_, err := mustOpen(t, engine).Update(context.Background(), stamp, 99, func(i items.Item) (items.Item, error) {
		t.Error("change was called for an item that does not exist")
		return i, nil
	})
	assertIs(t, err, items.ErrNotFound)
}

func allow(items.Item) error { return nil }

func testDelete(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	kept, created := mustCreate(t, store, soup()), mustCreate(t, store, soup())
	deleted, err := store.Delete(context.Background(), stamp, created.ID, func(current items.Item) error {
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

func testDeleteRefused(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	created := mustCreate(t, store, soup())
	refusal := errors.New("refused")
	_, err := store.Delete(context.Background(), stamp, created.ID, func(items.Item) error { return refusal })
	assertIs(t, err, refusal)
	assertEqual(t, mustGet(t, store, created.ID), created)
}

func testDeleteUnknown(t *testing.T, engine Engine) {
	_, err := mustOpen(t, engine).Delete(context.Background(), stamp, 99, func(items.Item) error {
		t.Error("allow was called for an item that does not exist")
		return nil
	})
	assertIs(t, err, items.ErrNotFound)
}

func testIDsNotReused(t *testing.T, engine Engine) {
	place := engine.NewPlace(t)
	store := mustOpenAt(t, engine, place)
	last := mustCreate(t, store, soup())
	if _, err := store.Delete(context.Background(), stamp, last.ID, allow); err != nil {
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
		if err := store.Seed(ctx, stamp, items.DefaultMenu()); err != nil {
			t.Fatalf("Seed: %v", err)
		}
		assertEqual(t, mustList(t, store), items.DefaultMenu())
	}
	for _, item := range items.DefaultMenu() {
		if _, err := store.Delete(ctx, stamp, item.ID, allow); err != nil {
			t.Fatalf("Delete: %v", err)
		}
	}
	_ = store.Close()
	store = mustOpenAt(t, engine, place)
	if err := store.Seed(ctx, stamp, items.DefaultMenu()); err != nil {
		t.Fatalf("Seed: %v", err)
	}
	assertEqual(t, mustList(t, store), []items.Item{}) // a menu that was emptied stays empty
}

func testSeedNothing(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	for _, menu := range [][]items.Item{nil, items.DefaultMenu()} {
		if err := store.Seed(context.Background(), stamp, menu); err != nil {
			t.Fatalf("Seed: %v", err)
		}
		assertEqual(t, mustList(t, store), []items.Item{})
	}
}

func testRestart(t *testing.T, engine Engine) {
	place := engine.NewPlace(t)
	store := mustOpenAt(t, engine, place)
	var want []items.Item
	for range 3 {
		want = append(want, mustCreate(t, store, soup()))
	}
	if err := store.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	assertEqual(t, mustList(t, mustOpenAt(t, engine, place)), want)
}

func testConcurrentCreates(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	const writers, each = 8, 10
	ids := make(chan int64, writers*each)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := range each {
				item, err := store.Create(context.Background(), stamp, items.Item{Name: fmt.Sprintf("%d-%d", w, n)})
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
	seen := slices.Sorted(func(yield func(int64) bool) {
		for id := range ids {
			if !yield(id) {
				return
			}
		}
	})
	if distinct := slices.Compact(slices.Clone(seen)); len(distinct) != writers*each {
		t.Errorf("got %d distinct ids, want %d", len(distinct), writers*each)
	}
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
				_, err := store.Update(context.Background(), stamp, item.ID, func(i items.Item) (items.Item, error) {
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

func testCancelled(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := store.List(ctx, items.Query{})
	assertIs(t, err, context.Canceled)
	_, err = store.Get(ctx, 1)
	assertIs(t, err, context.Canceled)
	_, err = store.Create(ctx, stamp, soup())
	assertIs(t, err, context.Canceled)
	assertEqual(t, mustList(t, store), []items.Item{})
}

func testCancelledWrite(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	created := mustCreate(t, store, soup())
	ctx, cancel := context.WithCancel(context.Background())
	_, err := store.Update(ctx, stamp, created.ID, func(i items.Item) (items.Item, error) {
		cancel() // the client hangs up in the middle of the write
		i.Name = "Broth"
		return i, nil
	})
	assertIs(t, err, context.Canceled)
	assertEqual(t, mustList(t, store), []items.Item{created})
}

func testPing(t *testing.T, engine Engine) {
	if err := mustOpen(t, engine).Ping(context.Background()); err != nil {
		t.Errorf("Ping: %v", err)
	}
}

// Several processes that start at once on a new database all come up, and the menu is put in once.
func testStartTogether(t *testing.T, engine Engine) {
	for range 5 {
		place := engine.NewPlace(t)
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				store, err := engine.Open(place)
				if err != nil {
					t.Errorf("Open: %v", err)
					return
				}
				if err := store.Seed(context.Background(), stamp, items.DefaultMenu()); err != nil {
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

func testExtremes(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	calories := int64(100_000)
	item := items.Item{Name: "Gold leaf", Price: items.MaxPrice, Calories: &calories, Version: 5}
	item.ID, item.Version = mustCreate(t, store, item).ID, 1
	assertEqual(t, mustGet(t, store, item.ID), item)
}

func testText(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	for _, text := range []string{"'; DROP TABLE items; --", `back\slash "quote"`, "%_", "smörgåsbord 🍔 \u2028", "a\nb\tc", " spaced "} {
		item := items.Item{Name: text, Description: text, Tagline: text, Category: text}
		item.ID, item.Version = mustCreate(t, store, item).ID, 1
		assertEqual(t, mustGet(t, store, item.ID), item)
	}
}
