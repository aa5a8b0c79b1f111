package items_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"menu-api/items"
	"menu-api/items/sqlite"
	"menu-api/items/storetest"
)

// TestAnswersConform runs the conformance suite of stores, linearizability included, against stores whose reads are
// answered from memory. Stores on one database share their memory here, as the clients of one process do.
func TestAnswersConform(t *testing.T) {
	t.Parallel()
	var replicas sync.Map
	storetest.Run(t, storetest.Engine{
		NewPlace: func(tb testing.TB) string { return filepath.Join(tb.TempDir(), "menu.db") },
		Open: func(place string) (items.Store, error) {
			store, err := sqlite.Open(context.Background(), place)
			if err != nil {
				return nil, err
			}
			replica, _ := replicas.LoadOrStore(place, items.NewReplica())
			return replica.(items.Replica).See(store), nil
		},
	})
}

// shelf is a store with one item, for tests under synctest's clock and of what happens during a read.
type shelf struct {
	items.Store
	get    func(context.Context) (items.Item, error)
	create func()
}

func (s *shelf) Get(ctx context.Context, _ int64) (items.Item, error) { return s.get(ctx) }

func (s *shelf) Create(context.Context, items.Stamp, items.Item) (items.Item, error) {
	if s.create != nil {
		s.create()
	}
	return items.Item{}, nil
}

// counted returns a store whose item has, for a price, the number of times that it was read.
func counted() *shelf {
	var reads items.Price
	return &shelf{get: func(context.Context) (items.Item, error) { reads++; return items.Item{Price: reads}, nil }}
}

// slow is counted with a second for each read.
func slow() *shelf {
	s := counted()
	plain := s.get
	s.get = func(ctx context.Context) (items.Item, error) { time.Sleep(time.Second); return plain(ctx) }
	return s
}

func assertPrice(t *testing.T, store items.Store, want items.Price) {
	t.Helper()
	item, err := store.Get(t.Context(), 1)
	if err != nil || item.Price != want {
		t.Errorf("got %d, %v, want %d", item.Price, err, want)
	}
}

func TestAnswersAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := items.NewReplica().See(counted())
		assertPrice(t, store, 1)
		assertPrice(t, store, 1)
		time.Sleep(499 * time.Millisecond)
		assertPrice(t, store, 1)
		time.Sleep(time.Millisecond)
		assertPrice(t, store, 2) // looked at again before it is too old, since nobody else did
	})
}

// While one client looks again, the others have the old answer, until it is a second old: counted from when it was asked
// for, since a change may have come right after.
func TestAnswersAreNeverOlderThanASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := counted()
		plain := inner.get
		inner.get = func(ctx context.Context) (items.Item, error) { time.Sleep(300 * time.Millisecond); return plain(ctx) }
		store := items.NewReplica().See(inner)
		assertPrice(t, store, 1) // asked for at 0 ms, had at 300 ms
		time.Sleep(400 * time.Millisecond)
		inner.get = func(ctx context.Context) (items.Item, error) { time.Sleep(time.Hour); return plain(ctx) }
		go assertPrice(t, store, 2) // at 700 ms
		synctest.Wait()
		time.Sleep(299 * time.Millisecond)
		assertPrice(t, store, 1)
		time.Sleep(time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if item, err := store.Get(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, %v, want to wait in vain for the one who looks", item, err)
		}
		time.Sleep(time.Hour)
	})
}

func TestAnswersEndWithAChange(t *testing.T) {
	t.Parallel()
	replica := items.NewReplica()
	inner := counted()
	store := replica.See(inner)
	assertPrice(t, store, 1)
	if _, err := store.Create(t.Context(), items.Stamp{}, items.Item{}); err != nil {
		t.Fatal(err)
	}
	assertPrice(t, store, 2)
	replica.Drop()
	assertPrice(t, store, 3)
	assertPrice(t, store, 3)

	inner.create = func() { // nothing is kept while a write is in progress
		assertPrice(t, store, 4)
		assertPrice(t, store, 5)
	}
	if _, err := store.Create(t.Context(), items.Stamp{}, items.Item{}); err != nil {
		t.Fatal(err)
	}
	assertPrice(t, store, 6)
	assertPrice(t, store, 6)
}

// A read that is on its way may tell of something older than what a client has seen meanwhile. So what it found is not
// kept when something has changed, and those who ask afterwards wait for the next one, which begins when it is done: of
// two that overlap, nobody knows which is the newer.
func TestAnswersNeverGoBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		replica := items.NewReplica()
		inner := counted()
		plain := inner.get
		underWay := 0
		inner.get = func(ctx context.Context) (items.Item, error) {
			if underWay++; underWay > 1 {
				t.Error("two reads overlap")
			}
			time.Sleep(time.Second)
			underWay--
			return plain(ctx)
		}
		store := replica.See(inner)
		go assertPrice(t, store, 1)
		synctest.Wait()
		replica.Drop()
		for range 10 {
			go assertPrice(t, store, 2)
		}
		hangsUp, hangUp := context.WithCancel(t.Context())
		go func() { _, _ = store.Get(hangsUp, 1) }()
		synctest.Wait()
		hangUp()
		time.Sleep(1500 * time.Millisecond)
		replica.Drop()
		assertPrice(t, store, 3)
	})
}

// Whoever gives up waiting for the read before leaves it in its place for the next.
func TestAnswersAfterOneWhoGaveUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := items.NewReplica().See(slow())
		go assertPrice(t, store, 1)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if item, err := store.Get(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, %v, want to give up", item, err)
		}
		began := time.Now()
		assertPrice(t, store, 2)
		if took := time.Since(began); took != 1900*time.Millisecond {
			t.Errorf("took %s, want what is left of the read in progress and one more", took)
		}
	})
}

func TestAnswersAreAskedForOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := items.NewReplica().See(slow())
		go assertPrice(t, store, 1)
		synctest.Wait()
		for range 100 {
			go assertPrice(t, store, 2) // together, once the first read is done
		}
		time.Sleep(time.Minute)
	})
}

// The read goes on as long as somebody waits for it, whoever began it.
func TestAnswersForThoseWhoStay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ended error
		inner := &shelf{get: func(ctx context.Context) (items.Item, error) {
			select {
			case <-ctx.Done():
				ended = ctx.Err()
				return items.Item{}, ctx.Err()
			case <-time.After(time.Second):
				return items.Item{Price: 1}, nil
			}
		}}
		store := items.NewReplica().See(inner)
		ask := func() (hangUp context.CancelFunc) {
			ctx, cancel := context.WithCancel(t.Context())
			go func() { _, _ = store.Get(ctx, 1) }()
			synctest.Wait()
			return cancel
		}
		go assertPrice(t, store, 1) // the others wait for the next read together
		synctest.Wait()
		first := ask()
		go assertPrice(t, store, 1)
		synctest.Wait()
		first()
		time.Sleep(3 * time.Second)
		if ended != nil {
			t.Errorf("the read ended with %v, want it to go on for the one who stayed", ended)
		}

		only := ask()
		only()
		synctest.Wait()
		if !errors.Is(ended, context.Canceled) {
			t.Errorf("the read ended with %v, want context.Canceled after all have hung up", ended)
		}
	})
}

func TestAnswersOfAPanic(t *testing.T) {
	t.Parallel()
	inner := counted()
	plain := inner.get
	store := items.NewReplica().See(inner)
	inner.get = func(context.Context) (items.Item, error) { panic("a bug") }
	func() {
		defer func() {
			if got := recover(); got != "a bug" {
				t.Errorf("got panic %v, want it passed on", got)
			}
		}()
		_, _ = store.Get(t.Context(), 1)
	}()
	inner.get = plain
	assertPrice(t, store, 1)
}

// Whatever clients ask for, what is kept is bounded.
func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	replica := items.NewReplica()
	store := replica.See(counted())
	for id := range int64(50_000) {
		if _, err := store.Get(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if n, bytes := replica.Kept(); n > 10_000 || n < 1000 || bytes > 16<<20 {
		t.Errorf("got %d answers of %d bytes kept", n, bytes)
	}
	listing := &shelf{}
	long := replica.See(listing)
	listing.Store = pages{}
	for i := range 200 {
		if _, err := long.List(t.Context(), items.Query{Words: []string{strings.Repeat("x", 200_000), fmt.Sprint(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	if n, bytes := replica.Kept(); n > 100 || n < 50 || bytes > 16<<20 {
		t.Errorf("got %d long answers of %d bytes kept", n, bytes)
	}
}

type pages struct{ items.Store }

func (pages) List(context.Context, items.Query) ([]items.Item, error) { return nil, nil }
