package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"menu-api/items"
	"menu-api/items/feed"
)

func mustPrune(tb testing.TB, store items.Store, now time.Time, retention time.Duration) {
	tb.Helper()
	if err := store.Prune(context.Background(), now, retention); err != nil {
		tb.Fatalf("Prune: %v", err)
	}
}

// mustChangeAt creates, deletes, restores or renames an item at a time.
func mustChangeAt(tb testing.TB, store items.Store, at time.Time, action items.Action, id int64) {
	tb.Helper()
	ctx, info := context.Background(), items.AuditInfo{By: "auth0|chef", At: at}
	var err error
	switch action { //nolint:exhaustive // no single item is imported
	case items.Created:
		_, err = store.Create(ctx, info, soup())
	case items.Updated:
		_, err = store.Update(ctx, info, id, func(i items.Item) (items.Item, error) { i.Name += "!"; return i, nil })
	case items.Deleted:
		_, err = store.Delete(ctx, info, id, allow)
	case items.Restored:
		_, err = store.Restore(ctx, info, id)
	}
	if err != nil {
		tb.Fatalf("%s: %v", action, err)
	}
}

// versionsOf returns the versions in the history of an item, newest first.
func versionsOf(tb testing.TB, store items.Store, id int64) (versions []int64) {
	tb.Helper()
	for _, change := range mustHistory(tb, store, id) {
		versions = append(versions, change.Version)
	}
	return versions
}

func testPrune(t *testing.T, engine Engine) {
	place := engine.NewPlace(t)
	store := mustOpenAt(t, engine, place)
	now := time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)
	old, recent := now.Add(-49*time.Hour), now.Add(-47*time.Hour)
	// The versions that are kept of items 1 to 6.
	kept := [][]int64{{3}, {2, 1}, {4, 3}, {2}, {3}, {3, 2}}
	for range kept {
		mustChangeAt(t, store, old, items.Created, 0)
	}
	for _, change := range []struct {
		id     int64
		action items.Action
		at     time.Time
	}{
		{1, items.Updated, old},
		{1, items.Updated, old},
		{2, items.Deleted, old},
		{3, items.Updated, old},
		{3, items.Updated, old},
		{3, items.Deleted, recent},
		{4, items.Updated, recent},
		{5, items.Deleted, old},
		{5, items.Restored, old},
		{6, items.Updated, recent}, // before the clock stepped back
		{6, items.Updated, old},
	} {
		mustChangeAt(t, store, change.at, change.action, change.id)
	}
	menu, before := mustList(t, store), mustFeed(t, store)
	mustPrune(t, store, now, 0)
	if changes := mustHistory(t, store, 1); len(changes) != 3 {
		t.Errorf("got %d changes without a retention, want all 3", len(changes))
	}

	mustPrune(t, store, now, 48*time.Hour)
	assertEqual(t, mustList(t, store), menu)
	for i, want := range kept {
		assertEqual(t, versionsOf(t, store, int64(i)+1), want)
	}
	if last := mustHistory(t, store, 1)[0]; last.Before != nil || last.After == nil || last.After.Name != "Soup!!" {
		t.Errorf("got %+v, want the state after the change, and not the one before it", last)
	}
	after := mustFeed(t, store)
	if after.ID != before.ID || after.Newest != before.Newest || after.Pruned == 0 || after.Pruned > after.Newest {
		t.Errorf("got feed %+v, want that of before, %+v, with the highest number of a change that was deleted", after, before)
	}
	records := mustExport(t, store)
	moved := mustOpen(t, engine)
	if err := moved.Import(context.Background(), info, false, from(records)); err != nil {
		t.Fatalf("Import: %v", err)
	}
	assertEqual(t, mustExport(t, moved), records)
	for _, s := range []items.Store{store, moved} {
		mustChangeAt(t, s, now, items.Restored, 2)
		if restored := mustGet(t, s, 2); restored.Name != "Soup" || restored.Version != 3 {
			t.Errorf("got %+v, want the deleted item as it was", restored)
		}
	}
	assertEqual(t, mustFeed(t, store).Newest > before.Newest, true)
}

// Prune keeps the change with the newest number, even if it is a change of many items.
func testPruneNewest(t *testing.T, engine Engine) {
	place := engine.NewPlace(t)
	store := mustOpenAt(t, engine, place)
	for range 2 {
		if err := store.Import(context.Background(), info, false, from(itemRecords(soup()))); err != nil {
			t.Fatal(err)
		}
	}
	before := mustFeed(t, store)
	mustPrune(t, store, info.At.Add(1000*time.Hour), 24*time.Hour)
	assertEqual(t, mustFeed(t, store).Newest, before.Newest)
	assertEqual(t, len(mustChanges(t, store, 0, 100)), 1)
	mustCreate(t, store, soup())
	if now := mustFeed(t, mustOpenAt(t, engine, place)); now.Newest <= before.Newest {
		t.Errorf("got number %d after %d", now.Newest, before.Newest)
	}
}

// A subscriber that was away while changes were pruned that it has not seen gets a reset. Others continue.
func testPruneFeed(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	mustCreate(t, store, soup())
	start := mustFeed(t, store)
	mustRename(t, store, 1, "Broth")
	mustRename(t, store, 1, "Stew")
	middle := mustFeed(t, store)
	mustCreate(t, store, soup())
	mustPrune(t, store, info.At.Add(1000*time.Hour), 24*time.Hour)
	changes := MustFollow(t, store)
	early := MustSubscribe(t, changes, &feed.EventID{Feed: start.ID, Number: start.Newest})
	if e := mustTake(t, early, 1)[0]; !e.IsReset() {
		t.Errorf("got %s for a subscriber from before, want a reset", e.Frame())
	}
	late := MustSubscribe(t, changes, &feed.EventID{Feed: start.ID, Number: middle.Newest})
	if e := mustTake(t, late, 1)[0]; e.IsReset() || e.ItemID != 2 {
		t.Errorf("got %s for a subscriber that has missed no deleted change, want the next event", e.Frame())
	}
}

func testPruneKeys(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	ctx := context.Background()
	request := keyed("k", 1)
	first, err := store.Create(ctx, request, soup())
	if err != nil {
		t.Fatal(err)
	}
	mustPrune(t, store, request.At.Add(items.KeyLifetime-time.Second), 0)
	if again, err := store.Create(ctx, request, soup()); err != nil || again.ID != first.ID {
		t.Errorf("got %+v, %v under a key that has not expired, want the first item", again, err)
	}
	mustPrune(t, store, request.At.Add(items.KeyLifetime+time.Second), 0)
	if again, err := store.Create(ctx, request, soup()); err != nil || again.ID == first.ID {
		t.Errorf("got %+v, %v under a key that was deleted, want a new item", again, err)
	}
}

func testErase(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	ctx := context.Background()
	person := keyed("k", 1)
	person.By, person.Name = "auth0|person", "Pat"
	created, err := store.Create(ctx, person, soup())
	if err != nil {
		t.Fatal(err)
	}
	mustRename(t, store, created.ID, "Broth")
	for range 2 {
		if _, err := store.Create(ctx, items.AuditInfo{By: "auth0|person", At: info.At}, soup()); err != nil {
			t.Fatal(err)
		}
	}
	before := mustFeed(t, store)
	if n, err := store.Erase(ctx, "auth0|person"); err != nil || n != 3 {
		t.Errorf("got %d, %v, want 3 changes", n, err)
	}
	assertEqual(t, mustFeed(t, store), before)
	changes := mustHistory(t, store, created.ID)
	if changes[1].By != items.Erased || changes[1].ByName != "" || changes[0].By != info.By {
		t.Errorf("got %+v, want the authors %s and %s", changes, items.Erased, info.By)
	}
	for _, rec := range mustExport(t, store) {
		if rec.Change != nil && rec.Change.By == "auth0|person" {
			t.Errorf("the export has %+v", rec.Change)
		}
	}
	if again, err := store.Create(ctx, person, soup()); err != nil || again.ID == created.ID {
		t.Errorf("got %+v, %v under a key that was forgotten, want a new item", again, err)
	}
	if n, err := store.Erase(ctx, "auth0|stranger"); err != nil || n != 0 {
		t.Errorf("got %d, %v for a stranger, want 0", n, err)
	}
}

// TestPruneManyKeys checks that requests do not wait while very many expired keys are deleted. The caller has put n of
// them into the database; count returns how many there are.
func TestPruneManyKeys(t *testing.T, store items.Store, count func() int) {
	t.Helper()
	pruned := make(chan error, 1)
	go func() { pruned <- store.Prune(context.Background(), time.Now(), 0) }()
	var longest time.Duration
	for n := 0; ; n++ {
		began := time.Now()
		if _, err := store.Create(context.Background(), keyed(fmt.Sprint(n), 1), soup()); err != nil {
			t.Fatalf("Create: %v", err)
		}
		longest = max(longest, time.Since(began))
		select {
		case err := <-pruned:
			if err != nil {
				t.Errorf("Prune: %v", err)
			}
			t.Logf("%d requests waited at most %v", n+1, longest)
			if longest > time.Second {
				t.Errorf("a request waited %v", longest)
			}
			if got := count(); got != n+1 {
				t.Errorf("got %d keys, want the %d that have not expired", got, n+1)
			}
			return
		default:
		}
	}
}
