//go:build external

package postgres_test

import (
	"context"
	"errors"
	"flag"
	"sync"
	"testing"
	"time"

	"menu-api/items"
	"menu-api/items/postgres"
	"menu-api/items/postgres/pgtest"
)

// outage is how long a server is stopped. make soak stops it for a minute.
var outage = flag.Duration("outage", time.Second, "how long TestServerInTrouble has the server stopped")

func mustOpen(tb testing.TB, url string) *postgres.Store {
	tb.Helper()
	store, err := postgres.Open(context.Background(), postgres.Options{URL: url, Notify: true})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = store.Close() })
	return store
}

// assertOutage checks that an error reports an outage, and not a missing item or a bug.
func assertOutage(tb testing.TB, err error) {
	tb.Helper()
	if !errors.Is(err, items.ErrUnavailable) && !errors.Is(err, items.ErrUncertain) && !errors.Is(err, context.DeadlineExceeded) {
		tb.Errorf("got error %v, want an outage", err)
	}
}

// writers write and read at the same time. Every error must be an outage.
type writers struct {
	tb      testing.TB
	store   items.Store
	stop    chan struct{}
	running sync.WaitGroup

	mu           sync.Mutex
	acknowledged []int64
	last         time.Time // when the newest acknowledged write began
}

// startWriters returns when a write is acknowledged.
func startWriters(tb testing.TB, store items.Store) *writers {
	tb.Helper()
	w := &writers{tb: tb, store: store, stop: make(chan struct{})}
	for range 4 {
		w.running.Go(func() {
			for {
				select {
				case <-w.stop:
					return
				case <-time.After(5 * time.Millisecond):
					w.write()
				}
			}
		})
	}
	w.mustResume()
	return w
}

func (w *writers) write() {
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	item, err := w.store.Create(ctx, items.AuditInfo{By: "writer", At: began}, items.Item{Name: "Soup"})
	if err != nil {
		assertOutage(w.tb, err)
	} else {
		w.mu.Lock()
		w.acknowledged = append(w.acknowledged, item.ID)
		if began.After(w.last) {
			w.last = began
		}
		w.mu.Unlock()
	}
	if _, err := w.store.Get(context.Background(), 1); err != nil && !errors.Is(err, items.ErrNotFound) {
		assertOutage(w.tb, err)
	}
}

// mustResume waits until a write is acknowledged that began after the call.
func (w *writers) mustResume() {
	w.tb.Helper()
	now := time.Now()
	for resumed := false; !resumed; time.Sleep(10 * time.Millisecond) {
		w.mu.Lock()
		resumed = w.last.After(now)
		w.mu.Unlock()
		if time.Since(now) > time.Minute {
			w.tb.Fatal("writes did not resume within a minute")
		}
	}
}

// assertKept ends the writers, and checks that the menu has every acknowledged write, and each item once in the history. It
// returns how many acknowledged writes are lost.
func (w *writers) assertKept() (lost int) {
	w.tb.Helper()
	close(w.stop)
	w.running.Wait()
	ctx := context.Background()
	menu, err := w.store.List(ctx, items.Query{})
	if err != nil {
		w.tb.Fatal(err)
	}
	stored := map[int64]bool{}
	for _, item := range menu {
		stored[item.ID] = true
		if changes, err := w.store.History(ctx, item.ID, 0, 10); err != nil || len(changes) != 1 {
			w.tb.Errorf("item %d: got %d changes, %v, want 1", item.ID, len(changes), err)
		}
	}
	for _, id := range w.acknowledged {
		if !stored[id] {
			lost++
		}
	}
	if lost > 0 {
		w.tb.Errorf("%d of %d acknowledged writes are lost", lost, len(w.acknowledged))
	}
	if _, err := w.store.Create(ctx, items.AuditInfo{At: time.Now()}, items.Item{Name: "After"}); err != nil {
		w.tb.Errorf("Create after the trouble: %v", err)
	}
	return lost
}

// A store reports every kind of outage as one, recovers without help, and has kept every acknowledged write.
func TestServerInTrouble(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]func(*testing.T, *pgtest.Server){
		"restarted": func(t *testing.T, s *pgtest.Server) { s.Restart(t) },
		"killed":    func(t *testing.T, s *pgtest.Server) { s.Kill(t); s.Start(t) },
		"stopped for a while": func(t *testing.T, s *pgtest.Server) {
			s.Stop(t)
			time.Sleep(*outage)
			s.Start(t)
		},
		"paused": func(t *testing.T, s *pgtest.Server) {
			s.Pause(t)
			time.Sleep(2500 * time.Millisecond) // longer than the timeout of a write
			s.Resume(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := pgtest.Start(t)
			w := startWriters(t, mustOpen(t, server.NewDatabase(t)))
			trouble(t, server)
			w.mustResume()
			w.assertKept()
		})
	}
}

func TestServerThatIsGone(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	store := mustOpen(t, server.NewDatabase(t))
	server.Stop(t)
	ctx := context.Background()
	start := time.Now()
	_, err := store.Get(ctx, 1)
	assertOutage(t, err)
	_, err = store.Create(ctx, items.AuditInfo{At: start}, items.Item{Name: "Soup"})
	assertOutage(t, err)
	_, err = store.List(ctx, items.Query{})
	assertOutage(t, err)
	assertOutage(t, store.Ping(ctx))
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %v to say that the server is gone", took)
	}
	if _, err := postgres.Open(ctx, postgres.Options{URL: server.URL()}); err == nil {
		t.Error("Open of a server that is gone: got no error")
	}
}

// Two replicas together want more connections than the server has.
func TestTooManyConnections(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, "max_connections=12")
	url := server.NewDatabase(t)
	stores := []items.Store{mustOpen(t, url), mustOpen(t, url)}
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			_, err := stores[i%2].Create(ctx, items.AuditInfo{At: time.Now()}, items.Item{Name: "Soup"})
			if err != nil {
				assertOutage(t, err)
			}
		})
	}
	wg.Wait()
	if _, err := stores[0].List(context.Background(), items.Query{}); err != nil {
		t.Errorf("List when all is quiet again: %v", err)
	}
}
