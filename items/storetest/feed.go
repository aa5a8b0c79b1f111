package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"menu-api/items"
)

func mustChanges(tb testing.TB, store items.Store, after items.Cursor, limit int) ([]items.Change, items.Cursor) {
	tb.Helper()
	changes, next, err := store.Changes(context.Background(), after, limit)
	if err != nil {
		tb.Fatalf("Changes: %v", err)
	}
	return changes, next
}

func testFeed(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	_, cursor := mustChanges(t, store, nil, 10)
	created := mustCreate(t, store, soup())
	mustRename(t, store, created.ID, "Broth")
	mustDelete(t, store, created.ID)
	history := mustHistory(t, store, created.ID)

	var got []items.Change
	for {
		page, next := mustChanges(t, store, cursor, 2)
		if len(page) == 0 {
			assertEqual(t, next, cursor)
			break
		}
		got, cursor = append(got, page...), next
	}
	for i := range got {
		got[i].Place = items.Place{} // which a history does not tell
	}
	assertEqual(t, got, []items.Change{history[2], history[1], history[0]})
}

func testFeedBeginsNow(t *testing.T, engine Engine) {
	place := engine.NewPlace(t)
	store := mustOpenAt(t, engine, place)
	mustCreate(t, store, soup())
	changes, cursor := mustChanges(t, store, nil, 10)
	if len(changes) > 0 {
		t.Errorf("got %+v, want no change from before", changes)
	}
	_ = store.Close()
	store = mustOpenAt(t, engine, place) // a cursor outlives the process that it comes from
	created := mustCreate(t, store, soup())
	changes, _ = mustChanges(t, store, cursor, 10)
	if len(changes) != 1 || changes[0].ItemID != created.ID {
		t.Errorf("got %+v, want the creation of %d alone", changes, created.ID)
	}
}

// Writers on two stores commit in any order. A follower that reads all the while gets each change once, those of one item
// in order.
func testFeedConcurrent(t *testing.T, engine Engine) {
	place := engine.NewPlace(t)
	stores := []items.Store{mustOpenAt(t, engine, place), mustOpenAt(t, engine, place)}
	_, cursor := mustChanges(t, stores[0], nil, 1)
	const writers, each = 8, 15
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			id := mustCreate(t, stores[w%2], items.Item{Name: fmt.Sprint(w)}).ID
			for n := range each {
				mustRename(t, stores[(w+n)%2], id, fmt.Sprint(n))
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	versions := map[int64]int64{}
	read := func() (n int) {
		var page []items.Change
		page, cursor = mustChanges(t, stores[0], cursor, 7)
		for _, change := range page {
			if change.Version != versions[change.ItemID]+1 {
				t.Errorf("item %d: got version %d after %d", change.ItemID, change.Version, versions[change.ItemID])
			}
			versions[change.ItemID] = change.Version
		}
		return len(page)
	}
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
			read()
		}
	}
	for left := read(); left > 0; {
		left = read()
	}
	if len(versions) != writers {
		t.Errorf("got changes of %d items, want %d", len(versions), writers)
	}
	for id, version := range versions {
		if version != each+1 {
			t.Errorf("item %d: got the changes up to version %d, want %d", id, version, each+1)
		}
	}
}

func testFeedOfOther(t *testing.T, engine Engine) {
	place := engine.NewPlace(t)
	one, two := mustOpenAt(t, engine, place), mustOpenAt(t, engine, place)
	_, cursor := mustChanges(t, two, nil, 1)
	go func() {
		time.Sleep(50 * time.Millisecond)
		if _, err := one.Create(context.Background(), stamp, soup()); err != nil {
			t.Errorf("Create: %v", err)
		}
	}()
	for range 100 {
		if err := two.Await(context.Background()); err != nil {
			t.Fatal(err)
		}
		var changes []items.Change
		if changes, cursor = mustChanges(t, two, cursor, 10); len(changes) > 0 {
			return
		}
	}
	t.Error("the change was never seen")
}

func testAwaitCancelled(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	assertIs(t, store.Await(ctx), context.Canceled)
}
