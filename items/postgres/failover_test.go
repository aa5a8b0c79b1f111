//go:build external

package postgres_test

import (
	"strings"
	"testing"
	"time"

	"menu-api/items/postgres/pgtest"
)

// A server is lost, and its standby becomes the primary. A replica needs only a URL that names both. With a synchronous standby, no
// acknowledged write is lost.
func TestFailover(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t)
	database := primary.NewDatabase(t)
	standby := primary.StartStandby(t)
	both := strings.Replace(database, primary.Address(), primary.Address()+","+standby.Address(), 1) + "&target_session_attrs=read-write"
	w := startWriters(t, mustOpen(t, both))
	primary.Kill(t)
	time.Sleep(300 * time.Millisecond) // no client can write now
	standby.Promote(t)
	w.mustResume()
	w.assertKept()
}
