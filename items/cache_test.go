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
	"menu-api/items/sqlite/sqlitetest"
	"menu-api/items/storetest"
)

// TestCachedStoreConforms runs the conformance suite of stores, linearizability included, against stores whose reads go
// through the response cache. Stores on one database share the cache here, as the clients of one process do.
func TestCachedStoreConforms(t *testing.T) {
	t.Parallel()
	var caches sync.Map
	storetest.Run(t, storetest.Engine{
		NewPlace:      sqlitetest.NewFile,
		NewEmptyPlace: func(tb testing.TB) string { tb.Helper(); return filepath.Join(tb.TempDir(), "menu.db") },
		Open: func(place string) (items.Store, error) {
			store, err := sqlite.Open(context.Background(), place)
			if err != nil {
				return nil, err
			}
			cache, _ := caches.LoadOrStore(place, items.NewResponseCache())
			return items.Cached(store, cache.(*items.ResponseCache)), nil
		},
	})
}

// fakeStore is a store with one item, for tests under synctest's clock and of what happens during a read.
type fakeStore struct {
	items.Store
	get    func(context.Context) (items.Item, error)
	create func()
}

func (s *fakeStore) Get(ctx context.Context, _ int64) (items.Item, error) { return s.get(ctx) }

func (s *fakeStore) Create(context.Context, items.AuditInfo, items.Item) (items.Item, error) {
	if s.create != nil {
		s.create()
	}
	return items.Item{}, nil
}

func (*fakeStore) List(context.Context, items.Query) ([]items.Item, error) { return nil, nil }

// countReads returns a store whose item has the number of reads so far as its price. Each read takes the given time.
func countReads(each time.Duration) *fakeStore {
	var reads items.Price
	return &fakeStore{get: func(context.Context) (items.Item, error) {
		time.Sleep(each)
		reads++
		return items.Item{Price: reads}, nil
	}}
}

func assertPrice(t *testing.T, store items.Store, want items.Price) {
	t.Helper()
	item, err := store.Get(t.Context(), 1)
	if err != nil || item.Price != want {
		t.Errorf("got %d, %v, want %d", item.Price, err, want)
	}
}

func mustCreate(t *testing.T, store items.Store) {
	t.Helper()
	if _, err := store.Create(t.Context(), items.AuditInfo{}, items.Item{}); err != nil {
		t.Error(err)
	}
}

// The age counts from before the read, because a change may have followed right after it.
func TestCachedResponsesAreNeverOlderThanASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := countReads(300 * time.Millisecond)
		store := items.Cached(inner, items.NewResponseCache())
		assertPrice(t, store, 1) // read at 0 ms, cached at 300 ms
		time.Sleep(699 * time.Millisecond)
		assertPrice(t, store, 1)
		time.Sleep(time.Millisecond)
		assertPrice(t, store, 2)
	})
}

func TestCacheServesNothingOlderThanAChange(t *testing.T) {
	t.Parallel()
	cache := items.NewResponseCache()
	inner := countReads(0)
	store := items.Cached(inner, cache)
	assertPrice(t, store, 1)
	mustCreate(t, store)
	assertPrice(t, store, 2)
	cache.Changed()
	assertPrice(t, store, 3)
	assertPrice(t, store, 3)

	inner.create = func() { // while a write is in progress
		assertPrice(t, store, 4)
		assertPrice(t, store, 5)
	}
	mustCreate(t, store)
	assertPrice(t, store, 6)
	assertPrice(t, store, 6)
}

// A read in progress may return something older than what a client has seen since it started. So its result is not cached
// if something has changed. Later readers wait for the next call, which starts when this one ends: of two reads that
// overlap, either can be the newer.
func TestReadersDoNotJoinAStartedCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cache := items.NewResponseCache()
		inner := countReads(time.Second)
		plain := inner.get
		inProgress := 0
		inner.get = func(ctx context.Context) (items.Item, error) {
			if inProgress++; inProgress > 1 {
				t.Error("two reads overlap")
			}
			defer func() { inProgress-- }()
			return plain(ctx)
		}
		store := items.Cached(inner, cache)
		go assertPrice(t, store, 1)
		synctest.Wait()
		cache.Changed()
		for range 10 {
			go assertPrice(t, store, 2)
		}
		canceled, cancel := context.WithCancel(t.Context())
		go func() { _, _ = store.Get(canceled, 1) }()
		synctest.Wait()
		cancel()
		time.Sleep(1500 * time.Millisecond)
		cache.Changed()
		assertPrice(t, store, 3)
	})
}

// While writes overlap without a pause, one call runs and one waits, and every reader gets a response.
func TestConstantWrites(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := countReads(time.Second)
		inner.create = func() { time.Sleep(time.Second) }
		store := items.Cached(inner, items.NewResponseCache())
		for i := range 40 {
			go func() {
				time.Sleep(time.Duration(i) * 500 * time.Millisecond)
				mustCreate(t, store)
			}()
		}
		time.Sleep(100 * time.Millisecond)
		go assertPrice(t, store, 1)
		synctest.Wait()
		for range 100 {
			go assertPrice(t, store, 2) // together, in the call that waits
		}
		time.Sleep(time.Minute)
		assertPrice(t, store, 3)
	})
}

// A call that loses its last reader before it has started never runs.
func TestReaderGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := items.Cached(countReads(time.Second), items.NewResponseCache())
		go assertPrice(t, store, 1)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if item, err := store.Get(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, %v, want context.DeadlineExceeded", item, err)
		}
		began := time.Now()
		assertPrice(t, store, 2)
		if took := time.Since(began); took != 1900*time.Millisecond {
			t.Errorf("took %s, want the rest of the read in progress and one more", took)
		}
	})
}

// A call is independent of the reader that started it: it ends when its last reader leaves, or at ReadTimeout.
func TestCallEndsWithItsLastReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ended error
		takes := time.Second
		inner := &fakeStore{get: func(ctx context.Context) (items.Item, error) {
			select {
			case <-ctx.Done():
				ended = ctx.Err()
				return items.Item{}, ctx.Err()
			case <-time.After(takes):
				return items.Item{Price: 1}, nil
			}
		}}
		store := items.Cached(inner, items.NewResponseCache())
		start := func() (leave context.CancelFunc) {
			ctx, cancel := context.WithCancel(t.Context())
			go func() { _, _ = store.Get(ctx, 1) }()
			synctest.Wait()
			return cancel
		}
		go assertPrice(t, store, 1) // the others wait for the next call together
		synctest.Wait()
		first := start()
		go assertPrice(t, store, 1)
		synctest.Wait()
		first()
		time.Sleep(3 * time.Second)
		if ended != nil {
			t.Errorf("the call ended with %v, want it to go on for the reader that stayed", ended)
		}

		only := start()
		only()
		synctest.Wait()
		if !errors.Is(ended, context.Canceled) {
			t.Errorf("the call ended with %v, want context.Canceled after all readers have left", ended)
		}

		ended, takes = nil, time.Hour
		began := time.Now()
		if _, err := store.Get(t.Context(), 1); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != items.ReadTimeout {
			t.Errorf("got %v after %s, want context.DeadlineExceeded after %s", err, time.Since(began), items.ReadTimeout)
		}
		synctest.Wait()
		if ended == nil {
			t.Error("the call goes on after ReadTimeout")
		}
	})
}

func TestPanicInACall(t *testing.T) {
	t.Parallel()
	inner := countReads(0)
	plain := inner.get
	store := items.Cached(inner, items.NewResponseCache())
	inner.get = func(context.Context) (items.Item, error) { panic("a bug") }
	_, err := store.Get(t.Context(), 1)
	panicked, ok := errors.AsType[*items.PanicError](err)
	if !ok || panicked.Value != "a bug" || !strings.Contains(string(panicked.Stack), "cache_test.go") {
		t.Errorf("got %v, want a *PanicError with the stack", err)
	}
	inner.get = plain
	assertPrice(t, store, 1)
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	cache := items.NewResponseCache()
	store := items.Cached(countReads(0), cache)
	for id := range int64(50_000) {
		if _, err := store.Get(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if n, bytes := cache.Len(); n > 10_000 || n < 1000 || bytes > 32<<20 {
		t.Errorf("got %d cached responses of %d bytes", n, bytes)
	}
	for i := range 200 {
		if _, err := store.List(t.Context(), items.Query{Words: []string{strings.Repeat("x", 200_000), fmt.Sprint(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	if n, bytes := cache.Len(); n > 200 || n < 100 || bytes > 32<<20 {
		t.Errorf("got %d long cached responses of %d bytes", n, bytes)
	}
}
