//go:build external

package postgres_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"menu-api/items"
	"menu-api/items/postgres/pgtest"
)

// A server is lost for good, and its standby takes over. A URL that names both is all that a replica needs for it, and
// with a standby for which commits wait, nothing that was acknowledged is lost.
func TestFailover(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t)
	database := primary.NewDatabase(t)
	standby := primary.StartStandby(t)
	both := strings.Replace(database, primary.Address(), primary.Address()+","+standby.Address(), 1) + "&target_session_attrs=read-write"
	store := mustOpen(t, both)

	stop, count := make(chan struct{}), make(chan int)
	go func() { count <- storm(t, store, stop) }()
	time.Sleep(300 * time.Millisecond)
	primary.Kill(t)
	time.Sleep(300 * time.Millisecond) // no client can write now
	standby.Promote(t)

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var err error
	for _, err = store.Create(ctx, items.AuditInfo{At: time.Now()}, items.Item{Name: "After"}); err != nil && ctx.Err() == nil; {
		assertOutage(t, err)
		time.Sleep(20 * time.Millisecond)
		_, err = store.Create(ctx, items.AuditInfo{At: time.Now()}, items.Item{Name: "After"})
	}
	if err != nil {
		t.Fatalf("the store does not find the server that took over: %v", err)
	}
	time.Sleep(300 * time.Millisecond)
	close(stop)
	acknowledged := <-count
	menu, err := store.List(ctx, items.Query{})
	if err != nil || len(menu) < acknowledged+1 || acknowledged == 0 {
		t.Errorf("got %d items, %v, of %d that were acknowledged", len(menu), err, acknowledged+1)
	}
	for _, item := range menu {
		if changes, err := store.History(ctx, item.ID, 0, 10); err != nil || len(changes) != 1 {
			t.Errorf("item %d: got %d changes, %v, want 1", item.ID, len(changes), err)
		}
	}
}
