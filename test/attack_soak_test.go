//go:build external && soak

package test

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestEachAttackAtScale runs each attack against a menu of a million items. It must not affect the bystanders, and its memory
// must soon be free again. On PostgreSQL, only the attacks on the database matter.
//
//nolint:paralleltest // it measures
func TestEachAttackAtScale(t *testing.T) {
	const (
		rows        = 1_000_000
		connections = 1000
		searches    = 20
		// The target is 250 ms on two idle cores. The attacker and other programs share the cores with the server.
		maxDuration = time.Second
		maxGrowth   = 150 // MiB
		maxLeft     = 50  // MiB, for the response cache, for pools, and for memory that Go keeps
	)
	file := t.TempDir() + "/menu.csv"
	writeTable(t, file, rows)
	for engine, newDatabase := range engines {
		t.Run(engine, func(t *testing.T) {
			database := newDatabase(t)
			if out, err := command(t, []string{"DATABASE_URL=" + database}, "import", file).CombinedOutput(); err != nil {
				t.Fatalf("import: %v\n%s", err, out)
			}
			x := startTarget(t, database)
			time.Sleep(15 * time.Second) // until the check of the database has ended
			x.watch(t, time.Second)
			idle := x.memory(t)
			for _, name := range slices.Sorted(maps.Keys(attacks)) {
				isRead := strings.Contains(name, "search") || strings.Contains(name, "list") || strings.Contains(name, "events") ||
					strings.Contains(name, "page") || strings.Contains(name, "items")
				if engine == "PostgreSQL" && !isRead {
					continue
				}
				t.Run(name, func(t *testing.T) {
					count := connections
					if strings.Contains(name, "search") {
						count = searches
					}
					x.attackAndMeasure(t, name, count, idle, maxDuration, maxGrowth, maxLeft)
				})
			}
		})
	}
}

func (x *target) attackAndMeasure(t *testing.T, name string, connections, idle int, maxDuration time.Duration, maxGrowth, maxLeft int) {
	t.Helper()
	var seen *experience
	peak, done := 0, make(chan struct{})
	var sampling sync.WaitGroup
	sampling.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(50 * time.Millisecond):
				peak = max(peak, x.memory(t))
			}
		}
	})
	x.underAttack(t, []string{name}, connections, func() {
		time.Sleep(500 * time.Millisecond)
		seen = x.watch(t, 3*time.Second)
	})
	close(done)
	sampling.Wait()
	ended := time.Now()
	for x.memory(t) > idle+maxLeft && time.Since(ended) < 10*time.Second {
		time.Sleep(100 * time.Millisecond)
	}
	left := x.memory(t) - idle
	t.Logf("p50 %s, p99 %s, longest %s; memory +%d MiB, after %.1f s +%d MiB", seen.percentile(50), seen.percentile(99),
		seen.percentile(100), peak-idle, time.Since(ended).Seconds(), left)
	seen.assertServed(t)
	if got := seen.percentile(99); got > maxDuration {
		t.Errorf("p99 is %s, want at most %s", got, maxDuration)
	}
	if peak-idle > maxGrowth {
		t.Errorf("memory grew by %d MiB, want at most %d", peak-idle, maxGrowth)
	}
	if left > maxLeft {
		t.Errorf("%d MiB are still in use, want at most %d", left, maxLeft)
	}
}
