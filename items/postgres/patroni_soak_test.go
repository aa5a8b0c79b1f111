//go:build soak && external && unix

package postgres_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"menu-api/items/postgres/pgtest"
)

// The leader of three PostgreSQL servers is killed ten times while clients write. Patroni promotes a standby, the store finds
// it by itself, and every acknowledged write is there.
func TestFailoverUnderPatroni(t *testing.T) { //nolint:paralleltest // it measures time
	const rounds = 10
	cluster := pgtest.StartCluster(t)
	w := startWriters(t, mustOpen(t, cluster.URL()))
	failovers := make([]time.Duration, rounds)
	for i := range failovers {
		leader := cluster.Leader(t)
		time.Sleep(time.Second)
		cluster.Kill(leader)
		killed := time.Now()
		w.mustResume()
		failovers[i] = time.Since(killed)
		cluster.Start(t, leader)
	}
	lost := w.assertKept()
	slices.Sort(failovers)
	//nolint:forbidigo // the report of make soak
	fmt.Printf("| Patroni with a TTL of %d s | %d failovers | %d acknowledged | %d lost | median %.1f s | max %.1f s |\n",
		pgtest.TTL, rounds, len(w.acknowledged), lost, failovers[rounds/2].Seconds(), failovers[rounds-1].Seconds())
}
