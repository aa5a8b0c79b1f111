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

// assertOutage checks that an error tells of an outage, and not of a missing item or a bug.
func assertOutage(tb testing.TB, err error) {
	tb.Helper()
	if !errors.Is(err, items.ErrUnavailable) && !errors.Is(err, items.ErrUncertain) && !errors.Is(err, context.DeadlineExceeded) {
		tb.Errorf("got error %v, want an outage", err)
	}
}

// storm writes until stop is closed and returns how many writes were acknowledged. Every error must be an outage.
func storm(tb testing.TB, store items.Store, stop <-chan struct{}) (acknowledged int) {
	tb.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				_, err := store.Create(ctx, items.AuditInfo{By: "storm", At: time.Now()}, items.Item{Name: "Soup"})
				cancel()
				if err == nil {
					mu.Lock()
					acknowledged++
					mu.Unlock()
				} else {
					assertOutage(tb, err)
				}
				if _, err := store.Get(context.Background(), 1); err != nil && !errors.Is(err, items.ErrNotFound) {
					assertOutage(tb, err)
				}
			}
		})
	}
	wg.Wait()
	return acknowledged
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
			time.Sleep(3 * time.Second)
			s.Resume(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := pgtest.Start(t)
			store := mustOpen(t, server.NewDatabase(t))
			stop := make(chan struct{})
			count := make(chan int)
			go func() { count <- storm(t, store, stop) }()
			time.Sleep(200 * time.Millisecond)
			trouble(t, server)
			time.Sleep(300 * time.Millisecond)
			close(stop)
			acknowledged := <-count

			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			var menu []items.Item
			var err error
			for menu, err = store.List(ctx, items.Query{}); err != nil && ctx.Err() == nil; menu, err = store.List(ctx, items.Query{}) {
				time.Sleep(20 * time.Millisecond)
			}
			if err != nil {
				t.Fatalf("the store did not come back: %v", err)
			}
			if len(menu) < acknowledged || acknowledged == 0 {
				t.Errorf("got %d items of %d that were acknowledged", len(menu), acknowledged)
			}
			if _, err := store.Create(ctx, items.AuditInfo{At: time.Now()}, items.Item{Name: "After"}); err != nil {
				t.Errorf("Create after the trouble: %v", err)
			}
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

// More replicas than the server has connections for share what there is.
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
