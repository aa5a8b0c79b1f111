package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"menu-api/items"
)

// bulk is the audit info of a write of several items.
func bulk(batch string) items.AuditInfo {
	b := info
	b.Name, b.Batch = "Charlie Chef", batch
	return b
}

// raise returns a change that adds one to the price of every item, and deletes an item with the name Old.
func raise(current []items.State) ([]*items.Item, error) {
	after := make([]*items.Item, len(current))
	for i, state := range current {
		if state.Item != nil && state.Item.Name != "Old" {
			raised := *state.Item
			raised.Price++
			after[i] = &raised
		}
	}
	return after, nil
}

func testUpdateMany(t *testing.T, engine Engine) {
	store, ctx := mustOpen(t, engine), context.Background()
	first, old, gone := mustCreate(t, store, soup()), mustCreate(t, store, items.Item{Name: "Old"}), mustCreate(t, store, soup())
	other, stillGone := mustCreate(t, store, soup()), mustCreate(t, store, soup())
	mustDelete(t, store, gone.ID)
	mustDelete(t, store, stillGone.ID)
	before := mustFeed(t, store)

	ids := []int64{first.ID, old.ID, gone.ID, stillGone.ID, 99}
	changed, err := store.UpdateMany(ctx, bulk("b1"), ids[:4], nil, func(current []items.State) ([]*items.Item, error) {
		assertEqual(t, current, []items.State{{Item: &first, Version: 1}, {Item: &old, Version: 1}, {Version: 2}, {Version: 2}})
		after, err := raise(current)
		after[2] = &items.Item{ID: 4711, Version: 77, Name: "Back"} // id and version are not the caller's
		return after, err
	})
	if err != nil {
		t.Fatalf("UpdateMany: %v", err)
	}
	raised, back := first, items.Item{ID: gone.ID, Version: 3, Name: "Back"}
	raised.Price, raised.Version = first.Price+1, 2
	assertEqual(t, changed, []items.Item{raised, back})
	assertEqual(t, mustList(t, store), []items.Item{raised, back, other})

	// All changes are in the history and the feed, with the batch and the name.
	at := items.TimeOf(info.At.UnixMilli())
	want := []items.Change{
		{ItemID: first.ID, Version: 2, Action: items.Updated, Before: &first, After: &raised},
		{ItemID: old.ID, Version: 2, Action: items.Deleted, Before: &old},
		{ItemID: gone.ID, Version: 3, Action: items.Restored, After: &back},
	}
	for i := range want {
		want[i].By, want[i].ByName, want[i].At, want[i].Batch = info.By, "Charlie Chef", at, "b1"
		assertEqual(t, mustHistory(t, store, want[i].ItemID)[0], want[i])
		want[i].Before, want[i].Number = nil, before.Newest+int64(i)+1
	}
	assertEqual(t, len(mustHistory(t, store, stillGone.ID)), 2)
	changes := mustChanges(t, store, before.Newest, 100)
	for i := range changes { // numbers may have gaps
		if i > 0 && changes[i].Number <= changes[i-1].Number {
			t.Errorf("got number %d after %d in the feed", changes[i].Number, changes[i-1].Number)
		}
		changes[i].Number = before.Newest + int64(i) + 1
	}
	assertEqual(t, changes, want)

	// If change returns an error, nothing changes.
	rejected := errors.New("rejected")
	_, err = store.UpdateMany(ctx, bulk("b2"), ids, nil, func(current []items.State) ([]*items.Item, error) {
		assertEqual(t, current[4], items.State{})
		after, _ := raise(current)
		return after, rejected
	})
	assertIs(t, err, rejected)
	none, err := store.UpdateMany(ctx, bulk("b3"), nil, nil, raise)
	if err != nil || len(none) != 0 {
		t.Errorf("got %+v, %v for no ids, want nothing", none, err)
	}
	assertEqual(t, mustList(t, store), []items.Item{raised, back, other})
}

func testUpdateManyAt(t *testing.T, engine Engine) {
	store, ctx := mustOpen(t, engine), context.Background()
	id := mustCreate(t, store, soup()).ID
	at := mustFeed(t, store)
	mustCreate(t, store, soup())
	if _, err := store.UpdateMany(ctx, bulk("b"), []int64{id}, &at, raise); !errors.Is(err, items.ErrMenuChanged) {
		t.Errorf("got error %v, want %v", err, items.ErrMenuChanged)
	}
	at = mustFeed(t, store)
	at.ID += "x"
	if _, err := store.UpdateMany(ctx, bulk("b"), []int64{id}, &at, raise); !errors.Is(err, items.ErrMenuChanged) {
		t.Errorf("another feed: got error %v, want %v", err, items.ErrMenuChanged)
	}
	assertEqual(t, mustGet(t, store, id).Version, int64(1))
	at = mustFeed(t, store)
	if _, err := store.UpdateMany(ctx, bulk("b"), []int64{id}, &at, raise); err != nil {
		t.Errorf("the same state of the feed: got error %v", err)
	}
	assertEqual(t, mustGet(t, store, id).Version, int64(2))
}

// A retry has the same result, even if the items have changed since. So does a retry of a write that only deleted, or that
// changed nothing.
func testUpdateManyKey(t *testing.T, engine Engine) {
	store, ctx := mustOpen(t, engine), context.Background()
	first, second := mustCreate(t, store, soup()), mustCreate(t, store, items.Item{Name: "Old"})
	write := func(key, batch string, body byte, ids ...int64) ([]items.Item, error) {
		k := keyed(key, body)
		k.Batch = batch
		return store.UpdateMany(ctx, k, ids, nil, raise)
	}
	changed, err := write("k", "b1", 1, first.ID, second.ID)
	if err != nil || len(changed) != 1 {
		t.Fatalf("got %+v, %v, want the changed item", changed, err)
	}
	mustRename(t, store, first.ID, "Changed since")
	for _, batch := range []string{"b2", "b3"} {
		again, err := write("k", batch, 1, first.ID, second.ID)
		if err != nil {
			t.Fatal(err)
		}
		assertEqual(t, again, changed)
	}
	_, err = write("k", "b4", 2, first.ID)
	assertIs(t, err, items.ErrKeyReused)
	assertEqual(t, mustGet(t, store, first.ID).Version, int64(3))

	old := mustCreate(t, store, items.Item{Name: "Old"})
	for key, ids := range map[string][]int64{"deletes": {old.ID}, "no ids": {}} {
		for range 2 {
			none, err := write(key, key, 1, ids...)
			if err != nil || len(none) != 0 {
				t.Errorf("%s: got %+v, %v, want no items", key, none, err)
			}
		}
	}
	assertEqual(t, len(mustHistory(t, store, old.ID)), 2)
}

// Writes of several items and of one item lose no change, and a reader sees all or nothing of each.
func testUpdateManyConcurrent(t *testing.T, engine Engine) {
	place := engine.NewPlace(t)
	stores := []items.Store{mustOpenAt(t, engine, place), mustOpenAt(t, engine, place)}
	ids := []int64{mustCreate(t, stores[0], soup()).ID, mustCreate(t, stores[0], soup()).ID, mustCreate(t, stores[0], soup()).ID}
	const rounds = 6
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for range rounds {
				if _, err := stores[w%2].UpdateMany(context.Background(), bulk("b"), ids, nil, raise); err != nil {
					t.Errorf("UpdateMany: %v", err)
				}
				_, err := stores[w%2].Update(context.Background(), info, ids[2], func(i items.Item) (items.Item, error) { i.Price++; return i, nil })
				if err != nil {
					t.Errorf("Update: %v", err)
				}
				if menu := mustList(t, stores[1]); menu[0].Price != menu[1].Price {
					t.Errorf("got prices %v and %v, want those of one moment", menu[0].Price, menu[1].Price)
				}
			}
		})
	}
	writers.Wait()
	for i, want := range []items.Price{4 * rounds, 4 * rounds, 8 * rounds} {
		if got := mustGet(t, stores[0], ids[i]).Price - soup().Price; got != want {
			t.Errorf("item %d: got %d changes of its price, want %d", ids[i], got, want)
		}
	}
}

// A write of very many items takes a moment, not minutes.
func testUpdateManyLarge(t *testing.T, engine Engine) {
	store, ctx := mustOpen(t, engine), context.Background()
	n := int64(size.updated)
	if err := store.Import(ctx, info, false, Many(size.updated)); err != nil {
		t.Fatal(err)
	}
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = int64(i) + 1
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	changed, err := store.UpdateMany(ctx, bulk("b"), ids, nil, raise)
	if err != nil || len(changed) != size.updated {
		t.Fatalf("got %d items, %v, want %d", len(changed), err, n)
	}
	assertEqual(t, mustGet(t, store, n), changed[n-1])
}

func testRecent(t *testing.T, engine Engine) {
	store, ctx := mustOpen(t, engine), context.Background()
	at := func(second int) items.AuditInfo {
		return items.AuditInfo{By: "auth0|chef", At: info.At.Add(time.Duration(second)*time.Second + 999_999)}
	}
	for second := range 4 {
		if _, err := store.Create(ctx, at(second), soup()); err != nil {
			t.Fatal(err)
		}
	}
	b := at(7)
	b.Batch = "b"
	if _, err := store.UpdateMany(ctx, b, []int64{1, 2}, nil, raise); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Delete(ctx, at(5), 3, allow); err != nil { // a clock was set back
		t.Fatal(err)
	}
	records := mustExport(t, store)
	moved := mustOpen(t, engine) // imported changes are not in the feed
	if err := moved.Import(ctx, info, false, from(records)); err != nil {
		t.Fatal(err)
	}
	want := [][2]int64{{2, 2}, {1, 2}, {3, 2}, {4, 1}, {3, 1}, {2, 1}, {1, 1}} // ids and versions
	for name, store := range map[string]items.Store{"written": store, "imported": moved} {
		for limit := 1; limit <= 8; limit++ {
			var got [][2]int64
			for before := items.NewestChange; ; {
				page, err := store.Recent(ctx, before, limit)
				if err != nil {
					t.Fatal(err)
				}
				for _, change := range page {
					got = append(got, [2]int64{change.ItemID, change.Version})
					before = items.ChangeKey{At: change.At, ItemID: change.ItemID, Version: change.Version}
					wholeHistory := mustHistory(t, store, change.ItemID)
					i := slices.IndexFunc(wholeHistory, func(c items.Change) bool { return c.Version == change.Version })
					assertEqual(t, change, wholeHistory[i])
				}
				if len(page) < limit {
					break
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s, limit %d: got %v, want %v", name, limit, got, want)
			}
		}
	}
}
