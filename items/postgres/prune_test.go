//go:build external

package postgres_test

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"menu-api/items"
	"menu-api/items/postgres"
	"menu-api/items/storetest"
)

var (
	expiredKeys = flag.Int("keys", 20_000, "how many expired keys TestPruneManyKeys deletes")
	oldUpdates  = flag.Int("updates", 2_000, "how many updates TestOldSnapshotSlowsNoWrites makes")
)

func TestPruneManyKeys(t *testing.T) {
	t.Parallel()
	url := newMigrated(t)
	store, conn := mustOpen(t, url), mustConnect(t, url)
	mustExec(t, conn, fmt.Sprintf(`
INSERT INTO idempotency_keys (id, fingerprint, at, item_id, version)
SELECT sha256(n::text::bytea), '', '2020-01-01', 1, 1 FROM generate_series(1, %d) AS n`, *expiredKeys))
	storetest.TestPruneManyKeys(t, store, func() (n int) {
		if err := conn.QueryRow(context.Background(), `SELECT count(*) FROM idempotency_keys`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	})
}

// While a snapshot is open, PostgreSQL keeps the old versions of all rows. There is no row that every write updates, so writes
// do not become slower: they take as long as in another database, which the snapshot does not affect.
func TestOldSnapshotSlowsNoWrites(t *testing.T) { //nolint:paralleltest // it measures time
	ctx := context.Background()
	const updated = 5_000
	open := func() (*postgres.Store, string) {
		url := newMigrated(t)
		store := mustOpen(t, url)
		if err := store.Import(ctx, items.AuditInfo{}, false, numbered(1, updated)); err != nil {
			t.Fatal(err)
		}
		return store, url
	}
	store, url := open()
	other, _ := open()
	snapshot := mustConnect(t, url)
	mustExec(t, snapshot, `BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM items`)
	var writes atomic.Int64
	update := func(store items.Store) {
		id := 1 + writes.Add(1)%updated
		_, err := store.Update(ctx, items.AuditInfo{By: "writer", At: time.Now()}, id, func(i items.Item) (items.Item, error) { i.Price++; return i, nil })
		if err != nil {
			t.Errorf("update: %v", err)
		}
	}
	write := func(store items.Store) {
		info := items.AuditInfo{By: "writer", At: time.Now(), Key: &items.Key{Value: fmt.Sprint(writes.Add(1))}}
		created, err := store.Create(ctx, info, items.Item{Name: "Soup"})
		if err == nil {
			_, err = store.Delete(ctx, info, created.ID, func(items.Item) error { return nil })
		}
		if err != nil {
			t.Errorf("write: %v", err)
		}
		update(store)
	}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for i := range *oldUpdates / 16 {
				if i%8 == 0 {
					write(store)
				} else {
					update(store)
				}
			}
		})
	}
	wg.Wait()
	if err := store.Prune(ctx, time.Now(), 24*time.Hour); err != nil {
		t.Errorf("Prune: %v", err)
	}
	// The databases take turns, because other programs may use the machine.
	var took, usual [200]time.Duration
	for i := range took {
		began := time.Now()
		write(store)
		took[i] = time.Since(began)
		began = time.Now()
		write(other)
		usual[i] = time.Since(began)
	}
	slices.Sort(took[:])
	slices.Sort(usual[:])
	slow, fast := took[len(took)/2], usual[len(usual)/2]
	t.Logf("after %d updates under an old snapshot, three writes take %v, and %v in another database", *oldUpdates, slow, fast)
	if slow > 2*fast {
		t.Errorf("after %d updates under an old snapshot, three writes take %v, want at most twice the %v in another database",
			*oldUpdates, slow, fast)
	}
}

func TestOldestSnapshot(t *testing.T) {
	t.Parallel()
	url := newMigrated(t)
	store := mustOpen(t, url)
	ctx := context.Background()
	prune := func() float64 {
		if err := store.Prune(ctx, time.Now(), 0); err != nil {
			t.Fatal(err)
		}
		return store.OldestSnapshot()
	}
	if age := prune(); age >= 1 {
		t.Errorf("got %v s without a snapshot, want less than 1", age)
	}
	snapshot := mustConnect(t, url)
	mustExec(t, snapshot, `BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM items`)
	time.Sleep(1100 * time.Millisecond)
	if age := prune(); age < 1 || age > 60 {
		t.Errorf("got %v s, want a little more than a second", age)
	}
	mustExec(t, snapshot, `COMMIT`)
	age := prune()
	for deadline := time.Now().Add(30 * time.Second); age >= 1 && time.Now().Before(deadline); age = prune() {
		time.Sleep(100 * time.Millisecond) // transactions of the server itself can be slow on a busy machine
	}
	if age >= 1 {
		t.Errorf("got %v s after the snapshot, want less than 1", age)
	}
}

// PostgreSQL ends a transaction that writes and then stops. Imports and exports may be idle for longer.
func TestIdleTransactionEnds(t *testing.T) {
	t.Parallel()
	url := newMigrated(t)
	mustOpen(t, url)
	conn := mustConnect(t, url)
	timeout := func() (setting string) {
		if err := conn.QueryRow(context.Background(), `SHOW idle_in_transaction_session_timeout`).Scan(&setting); err != nil {
			t.Fatal(err)
		}
		return setting
	}
	before := timeout()
	mustExec(t, conn, `BEGIN; `+postgres.LockWrites)
	if got := timeout(); got != "10s" {
		t.Errorf("got %s in a transaction that writes, want 10s", got)
	}
	mustExec(t, conn, `ROLLBACK`)
	if got := timeout(); got != before {
		t.Errorf("got %s after it, want %s: the session may belong to a pooler", got, before)
	}
}
