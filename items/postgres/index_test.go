//go:build external

package postgres

import (
	"testing"
	"time"
)

// WaitForIndex waits until searches use the index.
func WaitForIndex(tb testing.TB, store *Store) {
	tb.Helper()
	for began := time.Now(); store.trigrams.Load() == noTrigrams; time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > 10*time.Minute {
			tb.Fatal("there is no search index after ten minutes")
		}
	}
}
