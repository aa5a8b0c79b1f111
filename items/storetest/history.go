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
	deleted, err := store.Delete(context.Background(), info, id, allow)
	if err != nil {
		tb.Fatalf("Delete(%d): %v", id, err)
	}
	return deleted
}

func mustRename(tb testing.TB, store items.Store, id int64, name string) items.Item {
	tb.Helper()
	updated, err := store.Update(context.Background(), info, id, func(i items.Item) (items.Item, error) {
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
	waiter := items.AuditInfo{By: "auth0|waiter", At: info.At.Add(-time.Hour + 999_999)} // an earlier time, with more than milliseconds
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
	restored, err := store.Restore(context.Background(), info, last.ID)
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
	if _, err := store.Restore(context.Background(), info, last.ID); err != nil {
		t.Errorf("Restore after a second deletion: %v", err)
	}
}

func testRestoreRefused(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	created := mustCreate(t, store, soup())
	_, err := store.Restore(context.Background(), info, created.ID)
	assertIs(t, err, items.ErrNotDeleted)
	_, err = store.Restore(context.Background(), info, 99)
	assertIs(t, err, items.ErrNotFound)
	assertEqual(t, len(mustHistory(t, store, created.ID)), 1)
}

// keyed returns the audit info of a request with an idempotency key. Requests with different bodies are different.
func keyed(value string, body byte) items.AuditInfo {
	s := info
	s.At = time.Now() // an engine may remove keys after a day
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

// Concurrent writes may share a transaction. The failure of one does not affect the others.
func testFailsAlone(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	id := mustCreate(t, store, items.Item{Name: "Counter"}).ID
	rejected := errors.New("rejected")
	const rounds = 40
	var wg sync.WaitGroup
	for i := range rounds {
		wg.Go(func() {
			_, err := store.Update(context.Background(), info, id, func(item items.Item) (items.Item, error) {
				item.Price++
				return item, nil
			})
			if err != nil {
				t.Errorf("Update: %v", err)
			}
		})
		wg.Go(func() {
			_, err := store.Delete(context.Background(), info, id, func(items.Item) error { return rejected })
			assertIs(t, err, rejected)
		})
		wg.Go(func() {
			ctx, cancel := context.WithCancel(context.Background())
			_, err := store.Update(ctx, info, id, func(item items.Item) (items.Item, error) {
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
					t.Error("the caller did not get its panic")
				}
			}()
			_, _ = store.Update(context.Background(), info, id, func(items.Item) (items.Item, error) { panic("a bug in the caller") })
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

// The clock of a machine may be corrected, and the clocks of two replicas differ. Only the age of an idempotency key depends
// on the clock; the order of changes does not.
func testClockBack(t *testing.T, engine Engine) {
	place := engine.NewPlace(t)
	stores := []items.Store{mustOpenAt(t, engine, place), mustOpenAt(t, engine, place)}
	ctx, now := context.Background(), time.Now()
	at := func(step time.Duration, key string) items.AuditInfo {
		s := keyed(key, 1)
		s.At = now.Add(step)
		return s
	}
	first, err := stores[0].Create(ctx, at(0, "first"), soup())
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []time.Duration{-time.Second, -2 * time.Hour, -30 * time.Hour} {
		again, err := stores[1].Create(ctx, at(step, "first"), soup())
		if err != nil || again.ID != first.ID {
			t.Errorf("a retry %v before its first attempt: got %+v, %v, want item %d", -step, again, err, first.ID)
		}
	}
	late, err := stores[1].Create(ctx, at(-2*time.Hour, "late"), soup())
	if err != nil {
		t.Fatal(err)
	}
	if again, err := stores[0].Create(ctx, at(time.Second, "late"), soup()); err != nil || again.ID != late.ID {
		t.Errorf("a retry when the clock was set right: got %+v, %v, want item %d", again, err, late.ID)
	}
	for i, step := range []time.Duration{-time.Hour, -3 * time.Hour, time.Minute, -48 * time.Hour} {
		_, err := stores[i%2].Update(ctx, at(step, ""), first.ID, func(item items.Item) (items.Item, error) {
			item.Price = items.Price(i)
			return item, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	history := mustHistory(t, stores[0], first.ID)
	changes := mustChanges(t, stores[0], 0, 100)
	var fed int64
	for _, change := range changes {
		if change.ItemID == first.ID {
			fed++
			if change.Version != fed {
				t.Errorf("the feed: got version %d, want %d", change.Version, fed)
			}
		}
	}
	if len(history) != 5 || history[0].Version != 5 || history[0].After.Price != 3 || fed != 5 || len(changes) != 6 {
		t.Errorf("got history %+v and %d changes of it in a feed of %d, want all five in the order in which they were made", history, fed, len(changes))
	}
}
