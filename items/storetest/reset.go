package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"menu-api/items"
)

func mustReset(tb testing.TB, store items.Store, menu ...items.Item) []items.Item {
	tb.Helper()
	added, err := store.Reset(context.Background(), info, menu)
	if err != nil {
		tb.Fatalf("Reset: %v", err)
	}
	assertEqual(tb, len(added), len(menu))
	return added
}

func testReset(t *testing.T, engine Engine) {
	place := engine.NewPlace(t)
	store := mustOpenAt(t, engine, place)
	mustReset(t, store) // an empty menu stays empty
	first := mustCreate(t, store, soup())
	second := mustRename(t, store, mustCreate(t, store, soup()).ID, "Second")
	gone := mustCreate(t, store, soup())
	mustDelete(t, store, gone.ID)

	added := mustReset(t, store, items.DefaultMenu()...)
	for i, want := range items.DefaultMenu() {
		want.ID, want.Version = gone.ID+int64(i)+1, 1
		assertEqual(t, added[i], want)
		history := mustHistory(t, store, want.ID)
		if len(history) != 1 || history[0].Action != items.Created || *history[0].After != want || history[0].By != info.By {
			t.Errorf("got %+v, want the creation of %+v", history, want)
		}
	}
	assertEqual(t, mustList(t, store), added)
	for _, item := range []items.Item{first, second} {
		last := mustHistory(t, store, item.ID)[0]
		if last.Action != items.Deleted || last.Version != item.Version+1 || last.By != info.By || !last.At.Equal(items.TimeOf(info.At.UnixMilli())) || last.After != nil {
			t.Errorf("got %+v as the end of item %d, want its deletion", last, item.ID)
		}
		assertEqual(t, *last.Before, item)
	}
	assertEqual(t, len(mustHistory(t, store, gone.ID)), 2) // it was deleted before

	mustReset(t, store)
	assertEqual(t, mustList(t, store), []items.Item{})
	_ = store.Close()
	store = mustOpenAt(t, engine, place)
	if next := mustCreate(t, store, soup()); next.ID != added[2].ID+1 {
		t.Errorf("got id %d after a reset, want %d", next.ID, added[2].ID+1)
	}
	restored, err := store.Restore(context.Background(), info, second.ID)
	second.Version += 2
	if err != nil {
		t.Errorf("Restore after a reset: %v", err)
	}
	assertEqual(t, restored, second)

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := store.Reset(ctx, info, nil); err == nil {
		t.Error("got no error for a cancelled reset")
	}
	assertEqual(t, len(mustList(t, store)), 2)
}

// The menu is reset several times during other writes. A reader sees all of a reset or nothing, and at the end every item
// that does not exist was deleted.
func testResetConcurrent(t *testing.T, engine Engine) {
	place := engine.NewPlace(t)
	stores := []items.Store{mustOpenAt(t, engine, place), mustOpenAt(t, engine, place)}
	const resets = 4
	done := make(chan struct{})
	var writers, readers sync.WaitGroup
	for w := range 3 {
		writers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				item, err := stores[w%2].Create(context.Background(), info, items.Item{Name: "Written"})
				if err != nil {
					t.Errorf("Create: %v", err)
					return
				}
				_, err = stores[(w+1)%2].Update(context.Background(), info, item.ID, func(i items.Item) (items.Item, error) { return i, nil })
				if err != nil {
					assertIs(t, err, items.ErrNotFound)
				}
			}
		})
	}
	readers.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			seeds := 0
			for _, item := range mustList(t, stores[1]) {
				if item.Name != "Written" {
					seeds++
				}
			}
			if seeds != 0 && seeds != 3 {
				t.Errorf("got %d of the 3 items of a reset", seeds)
			}
		}
	})
	var added []items.Item
	for n := range resets {
		added = mustReset(t, stores[n%2], items.DefaultMenu()...)
	}
	close(done)
	writers.Wait()
	readers.Wait()
	there := map[int64]bool{}
	for _, item := range mustList(t, stores[0]) {
		there[item.ID] = true
		if item.Name != "Written" && item.ID < added[0].ID {
			t.Errorf("item %d has survived a reset", item.ID)
		}
	}
	for id := int64(1); id <= added[2].ID; id++ {
		history, err := stores[0].History(context.Background(), id, 0, 1)
		if err != nil {
			continue // an id that was never used
		}
		if deleted := history[0].Action == items.Deleted; deleted == there[id] {
			t.Errorf("item %d is there: %t, and its history ends with %q", id, there[id], history[0].Action)
		}
	}
}

func testResetFeed(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	for n := range 12 {
		mustCreate(t, store, items.Item{Name: fmt.Sprint(n)})
	}
	subscription := MustSubscribe(t, MustFollow(t, store), nil)
	before := mustFeed(t, store)
	added := mustReset(t, store, items.DefaultMenu()...)
	changes := mustChanges(t, store, before.Newest, 100)
	if len(changes) != 1 || changes[0].ItemID != 0 {
		t.Errorf("got %+v, want one change of many items", changes)
	}
	assertEqual(t, mustFeed(t, store).ID, before.ID)
	if e := mustTake(t, subscription, 1)[0]; !e.IsReset() {
		t.Errorf("got %s, want a reset", e.Frame())
	}
	mustRename(t, store, added[0].ID, "Changed")
	if e := mustTake(t, subscription, 1)[0]; e.ItemID != added[0].ID || e.Version != 2 {
		t.Errorf("got %s after the reset, want the change of %d", e.Frame(), added[0].ID)
	}
}
