//go:build soak && external && unix

package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"menu-api/items"
	"menu-api/items/postgres/pgtest"
)

// The leader of three PostgreSQL servers is killed ten times while clients write. Patroni promotes a standby, the store finds
// it by itself, and every acknowledged write is there.
func TestFailoverUnderPatroni(t *testing.T) { //nolint:paralleltest // it measures time
	const rounds = 10
	cluster := pgtest.StartCluster(t)
	store := mustOpen(t, cluster.URL())

	var (
		mu           sync.Mutex
		acknowledged []int64
		last         time.Time // when the newest acknowledged write began
		wg           sync.WaitGroup
	)
	stop := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(5 * time.Millisecond):
				}
				began := time.Now()
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				item, err := store.Create(ctx, items.AuditInfo{By: "writer", At: began}, items.Item{Name: "Soup"})
				cancel()
				if err != nil {
					assertOutage(t, err)
					continue
				}
				mu.Lock()
				acknowledged = append(acknowledged, item.ID)
				if began.After(last) {
					last = began
				}
				mu.Unlock()
			}
		})
	}
	failovers := make([]time.Duration, rounds)
	for i := range failovers {
		leader := cluster.Leader(t)
		time.Sleep(time.Second)
		cluster.Kill(leader)
		killed := time.Now()
		for resumed := false; !resumed; time.Sleep(10 * time.Millisecond) {
			mu.Lock()
			resumed = last.After(killed)
			mu.Unlock()
			if time.Since(killed) > time.Minute {
				t.Fatal("writes did not resume within a minute")
			}
		}
		failovers[i] = time.Since(killed)
		cluster.Start(t, leader)
	}
	close(stop)
	wg.Wait()

	menu, err := store.List(t.Context(), items.Query{})
	if err != nil {
		t.Fatal(err)
	}
	stored := map[int64]bool{}
	for _, item := range menu {
		stored[item.ID] = true
	}
	lost := slices.DeleteFunc(slices.Clone(acknowledged), func(id int64) bool { return stored[id] })
	if len(lost) > 0 {
		t.Errorf("%d of %d acknowledged writes are lost: %v", len(lost), len(acknowledged), lost)
	}
	slices.Sort(failovers)
	//nolint:forbidigo // the report of make soak
	fmt.Printf("| Patroni with a TTL of %d s | %d failovers | %d acknowledged | %d lost | median %.1f s | max %.1f s |\n",
		pgtest.TTL, rounds, len(acknowledged), len(lost), failovers[rounds/2].Seconds(), failovers[rounds-1].Seconds())
}
