//go:build external

package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"menu-api/items"
	"menu-api/items/postgres/pgtest"
)

func mustOpenInternal(tb testing.TB, url string) *Store {
	tb.Helper()
	store, err := Open(context.Background(), Options{URL: url})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = store.Close() })
	return store
}

// mustPrepareWrite returns a write that sets the price of the item, which had the version when it was read.
func mustPrepareWrite(tb testing.TB, id, version int64, price items.Price) *write {
	tb.Helper()
	w, err := newWrite(updateItem, items.AuditInfo{By: "test", At: time.Now()}, items.Updated,
		items.Item{ID: id, Version: version + 1, Name: "Soup", Price: price})
	if err != nil {
		tb.Fatal(err)
	}
	return w
}

// Of two writes of an item in a batch, the second one affects no row, and so does a write of an item that has changed.
// Neither disturbs the writes of other items.
func TestBatchHasAnItemOnce(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	store := mustOpenInternal(t, pgtest.NewDatabase(t))
	for range 3 {
		if _, err := store.Create(ctx, items.AuditInfo{At: time.Now()}, items.Item{Name: "Soup"}); err != nil {
			t.Fatal(err)
		}
	}
	batch := []*write{
		mustPrepareWrite(t, 1, 1, 100), mustPrepareWrite(t, 1, 1, 200), mustPrepareWrite(t, 2, 7, 300), mustPrepareWrite(t, 3, 1, 400),
	}
	store.commit(append([]*write(nil), batch...))
	for i, want := range []int64{1, 0, 0, 3} {
		if batch[i].err != nil || batch[i].id != want {
			t.Errorf("write %d: got id %d, %v, want %d", i, batch[i].id, batch[i].err, want)
		}
	}
	for id, want := range map[int64]items.Price{1: 100, 2: 0, 3: 400} {
		if item, err := store.Get(ctx, id); err != nil || item.Price != want {
			t.Errorf("item %d: got %+v, %v, want price %d", id, item, err, want)
		}
	}
}

// The outcome of a COMMIT that the server does not acknowledge is unknown for every write of its batch.
func TestBatchIsUncertainAsAWhole(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	store := mustOpenInternal(t, server.NewDatabase(t))
	if err := store.Ping(context.Background()); err != nil { // there is a connection now
		t.Fatal(err)
	}
	server.Pause(t)
	batch := []*write{mustPrepareWrite(t, 1, 1, 100), mustPrepareWrite(t, 2, 1, 200)}
	done := make(chan struct{})
	go func() { store.commit(append([]*write(nil), batch...)); close(done) }()
	time.Sleep(200 * time.Millisecond)
	server.Kill(t)
	<-done
	for i, w := range batch {
		if !errors.Is(w.err, items.ErrUncertain) {
			t.Errorf("write %d: got %v, want ErrUncertain", i, w.err)
		}
	}
}

// A write that PostgreSQL rejects fails alone. The others of its batch succeed, and tell their own ids.
func TestRejectedWriteFailsAlone(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	store := mustOpenInternal(t, pgtest.NewDatabase(t))
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			name := fmt.Sprint("Soup ", i)
			if i%20 == 0 {
				name += "\x00" // which PostgreSQL cannot store
			}
			created, err := store.Create(ctx, items.AuditInfo{At: time.Now()}, items.Item{Name: name})
			if i%20 == 0 {
				if err == nil || errors.Is(err, items.ErrUnavailable) || errors.Is(err, items.ErrUncertain) {
					t.Errorf("%q: got %v, want the error of the server", name, err)
				}
				return
			}
			if stored, getErr := store.Get(ctx, created.ID); err != nil || getErr != nil || stored.Name != name {
				t.Errorf("%q: got %+v, %v, %v", name, stored, err, getErr)
			}
		})
	}
	wg.Wait()
	if menu, err := store.List(ctx, items.Query{}); err != nil || len(menu) != 57 {
		t.Errorf("got %d items, %v, want 57", len(menu), err)
	}
}
