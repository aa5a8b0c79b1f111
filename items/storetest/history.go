package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"menu-api/items"
)

func mustHistory(tb testing.TB, store items.Store, id int64) []items.Change {
	tb.Helper()
	changes, err := store.History(context.Background(), id, 0, 1000)
	if err != nil {
		tb.Fatalf("History(%d): %v", id, err)
	}
	return changes
}

func mustDelete(tb testing.TB, store items.Store, id int64) items.Item {
	tb.Helper()
	deleted, err := store.Delete(context.Background(), stamp, id, allow)
	if err != nil {
		tb.Fatalf("Delete(%d): %v", id, err)
	}
	return deleted
}

func mustRename(tb testing.TB, store items.Store, id int64, name string) items.Item {
	tb.Helper()
	updated, err := store.Update(context.Background(), stamp, id, func(i items.Item) (items.Item, error) {
		i.Name = name
		return i, nil
	})
	if err != nil {
		tb.Fatalf("Update(%d): %v", id, err)
	}
	return updated
}

func testHistory(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	created := mustCreate(t, store, soup())
	other := mustCreate(t, store, items.Item{Name: "Other"})
	waiter := items.Stamp{By: "auth0|waiter", At: stamp.At.Add(-time.Hour + 999_999)} // a clock that was set back, and is too exact
	broth, err := store.Update(context.Background(), waiter, created.ID, func(items.Item) (items.Item, error) {
		return items.Item{Name: "Broth", Price: 1}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	mustDelete(t, store, created.ID)

	at := time.Date(2026, 2, 28, 22, 59, 59, 123_000_000, time.UTC)
	want := []items.Change{
		{ItemID: created.ID, Version: 3, Action: items.Deleted, By: "auth0|chef", At: at, Before: &broth},
		{ItemID: created.ID, Version: 2, Action: items.Updated, By: "auth0|waiter", At: at.Add(-time.Hour), Before: &created, After: &broth},
		{ItemID: created.ID, Version: 1, Action: items.Created, By: "auth0|chef", At: at, After: &created},
	}
	assertEqual(t, mustHistory(t, store, created.ID), want)
	assertEqual(t, mustHistory(t, store, other.ID), []items.Change{
		{ItemID: other.ID, Version: 1, Action: items.Created, By: "auth0|chef", At: at, After: &other},
	})
	_, err = store.History(context.Background(), 99, 0, 10)
	assertIs(t, err, items.ErrNotFound)
}

func testHistoryPages(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	id := mustCreate(t, store, soup()).ID
	for i := range 6 {
		mustRename(t, store, id, fmt.Sprint(i))
	}
	var versions []int64
	for before := int64(0); ; {
		page, err := store.History(context.Background(), id, before, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, change := range page {
			versions = append(versions, change.Version)
			before = change.Version
		}
		if len(page) < 3 {
			break
		}
	}
	assertEqual(t, versions, []int64{7, 6, 5, 4, 3, 2, 1})
}

func testRestore(t *testing.T, engine Engine) {
	place := engine.NewPlace(t)
	store := mustOpenAt(t, engine, place)
	last := mustRename(t, store, mustCreate(t, store, soup()).ID, "Last")
	mustDelete(t, store, last.ID)
	_ = store.Close()

	store = mustOpenAt(t, engine, place)
	restored, err := store.Restore(context.Background(), stamp, last.ID)
	if err != nil {
		t.Fatalf("Restore: %v", err)
	}
	last.Version = 4
	assertEqual(t, restored, last)
	assertEqual(t, mustGet(t, store, last.ID), last)
	newest := mustHistory(t, store, last.ID)[0]
	if newest.Action != items.Restored || newest.Version != 4 || newest.Before != nil {
		t.Errorf("got %+v as the newest change, want the restoration", newest)
	}
	mustDelete(t, store, last.ID)
	if _, err := store.Restore(context.Background(), stamp, last.ID); err != nil {
		t.Errorf("Restore after a second deletion: %v", err)
	}
}

func testRestoreRefused(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	created := mustCreate(t, store, soup())
	_, err := store.Restore(context.Background(), stamp, created.ID)
	assertIs(t, err, items.ErrNotDeleted)
	_, err = store.Restore(context.Background(), stamp, 99)
	assertIs(t, err, items.ErrNotFound)
	assertEqual(t, len(mustHistory(t, store, created.ID)), 1)
}

// keyed is the stamp of a request under an idempotency key. body stands for what the request asks for.
func keyed(value string, body byte) items.Stamp {
	s := stamp
	s.At = time.Now() // an engine may forget what is a day old
	s.Key = &items.Key{Value: value, Fingerprint: [32]byte{body}}
	return s
}

func testKey(t *testing.T, engine Engine) {
	place := engine.NewPlace(t)
	store := mustOpenAt(t, engine, place)
	ctx := context.Background()
	created, err := store.Create(ctx, keyed("k", 1), soup())
	if err != nil {
		t.Fatal(err)
	}
	mustRename(t, store, created.ID, "Changed since")
	mustDelete(t, store, created.ID)
	restored, err := store.Restore(ctx, keyed("r", 1), created.ID)
	if err != nil {
		t.Fatal(err)
	}
	_ = store.Close()

	store = mustOpenAt(t, engine, place) // the retry may come after a restart
	for range 2 {
		again, err := store.Create(ctx, keyed("k", 1), soup())
		if err != nil {
			t.Fatal(err)
		}
		assertEqual(t, again, created) // as it was then, not as it is now
		again, err = store.Restore(ctx, keyed("r", 1), created.ID)
		if err != nil {
			t.Fatal(err)
		}
		assertEqual(t, again, restored)
	}
	assertEqual(t, mustList(t, store), []items.Item{restored})
	assertEqual(t, len(mustHistory(t, store, created.ID)), 4)
}

func testKeyOfAnother(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	ctx := context.Background()
	first, err := store.Create(ctx, keyed("k", 1), soup())
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.Create(ctx, keyed("k", 2), items.Item{Name: "Another"})
	assertIs(t, err, items.ErrKeyReused)
	assertEqual(t, mustList(t, store), []items.Item{first})

	other := keyed("k", 2)
	other.By = "auth0|somebody else"
	second, err := store.Create(ctx, other, items.Item{Name: "Another"})
	if err != nil {
		t.Fatal(err)
	}
	assertEqual(t, mustList(t, store), []items.Item{first, second})
}

func testKeyExpires(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	ctx := context.Background()
	early := keyed("k", 1)
	first, err := store.Create(ctx, early, soup())
	if err != nil {
		t.Fatal(err)
	}
	later := keyed("k", 2)
	later.At = early.At.Add(items.KeyLifetime - time.Second)
	_, err = store.Create(ctx, later, soup())
	assertIs(t, err, items.ErrKeyReused)
	later.At = later.At.Add(2 * time.Second)
	second, err := store.Create(ctx, later, soup())
	if err != nil {
		t.Fatal(err)
	}
	if second.ID == first.ID {
		t.Error("the key was remembered for too long")
	}
	again, err := store.Create(ctx, later, soup())
	if err != nil || again.ID != second.ID {
		t.Errorf("got %+v, %v, want the second item", again, err)
	}
}

func testKeyOfRefused(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := store.Create(ctx, keyed("k", 1), soup()); err == nil {
		t.Fatal("got no error for a request that was given up")
	}
	_, err := store.Restore(context.Background(), keyed("k", 2), 99)
	assertIs(t, err, items.ErrNotFound)
	if _, err := store.Create(context.Background(), keyed("k", 3), soup()); err != nil {
		t.Errorf("Create under a key whose requests have failed: %v", err)
	}
}

func testKeyConcurrent(t *testing.T, engine Engine) {
	place := engine.NewPlace(t)
	stores := []items.Store{mustOpenAt(t, engine, place), mustOpenAt(t, engine, place)}
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			item, err := stores[i%2].Create(context.Background(), keyed("k", 1), soup())
			if err != nil || item.Name != "Soup" || item.Version != 1 {
				t.Errorf("got %+v, %v", item, err)
			}
		})
	}
	wg.Wait()
	if menu := mustList(t, stores[0]); len(menu) != 1 {
		t.Errorf("got %d items, want 1", len(menu))
	}
}

// Writes that come together may share a transaction. What is wrong with one is no business of the others.
func testFailsAlone(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	id := mustCreate(t, store, items.Item{Name: "Counter"}).ID
	refusal := errors.New("refused")
	const rounds = 40
	var wg sync.WaitGroup
	for i := range rounds {
		wg.Go(func() {
			_, err := store.Update(context.Background(), stamp, id, func(item items.Item) (items.Item, error) {
				item.Price++
				return item, nil
			})
			if err != nil {
				t.Errorf("Update: %v", err)
			}
		})
		wg.Go(func() {
			_, err := store.Delete(context.Background(), stamp, id, func(items.Item) error { return refusal })
			assertIs(t, err, refusal)
		})
		wg.Go(func() {
			ctx, cancel := context.WithCancel(context.Background())
			_, err := store.Update(ctx, stamp, id, func(item items.Item) (items.Item, error) {
				cancel()
				item.Price += 1000
				return item, nil
			})
			assertIs(t, err, context.Canceled)
		})
		wg.Go(func() {
			if i%10 != 0 {
				return
			}
			defer func() {
				if recover() != "a bug in the caller" {
					t.Error("the panic did not come back to its caller")
				}
			}()
			_, _ = store.Update(context.Background(), stamp, id, func(items.Item) (items.Item, error) { panic("a bug in the caller") })
		})
	}
	wg.Wait()
	if got := mustGet(t, store, id); got.Price != rounds || got.Version != rounds+1 {
		t.Errorf("got price %d at version %d, want %d at %d", got.Price, got.Version, rounds, rounds+1)
	}
	if got := len(mustHistory(t, store, id)); got != rounds+1 {
		t.Errorf("got %d changes, want %d", got, rounds+1)
	}
}
