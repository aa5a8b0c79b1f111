package storetest

import (
	"context"
	"testing"
	"time"

	"menu-api/items"
)

// The clock of a machine is set right while it runs, and those of two replicas differ. What comes first and what counts
// is never asked of the clock, but for the age of an idempotency key, which may be off by as much.
func testClockBack(t *testing.T, engine Engine) {
	place := engine.NewPlace(t)
	stores := []items.Store{mustOpenAt(t, engine, place), mustOpenAt(t, engine, place)}
	ctx, now := context.Background(), time.Now()
	_, cursor := mustChanges(t, stores[0], nil, 10)
	at := func(step time.Duration, key string) items.Stamp {
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
	changes, _ := mustChanges(t, stores[0], cursor, 100)
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
