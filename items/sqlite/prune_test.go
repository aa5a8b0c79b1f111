package sqlite_test

import (
	"context"
	"database/sql"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"menu-api/items"
	"menu-api/items/storetest"
)

var expiredKeys = flag.Int("keys", 5_000, "how many expired keys TestPruneManyKeys deletes")

func TestPruneManyKeys(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "menu.db")
	store := mustOpen(t, file)
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	_, err = db.ExecContext(t.Context(), `
WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?)
INSERT INTO idempotency_keys (id, fingerprint, at, item_id, version) SELECT randomblob(32), randomblob(32), n, 1, 1 FROM n`, *expiredKeys)
	if err != nil {
		t.Fatal(err)
	}
	storetest.TestPruneManyKeys(t, store, func() (n int) {
		if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM idempotency_keys`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	})
}

// While a reader is active, SQLite cannot restart the WAL. Prune truncates it once the reader has ended, even if there are no
// more writes.
func TestWALShrinksAfterAReader(t *testing.T) {
	t.Parallel()
	const megabyte = 1 << 20
	for name, read := range map[string]func(t *testing.T, store items.Store, file string) (end func()){
		"a slow export": func(t *testing.T, store items.Store, _ string) func() {
			t.Helper()
			started, proceed, ended := make(chan struct{}), make(chan struct{}), make(chan error)
			go func() {
				first := true
				ended <- store.Export(context.Background(), true, func(items.Record) error {
					if first {
						close(started)
						<-proceed
					}
					first = false
					return nil
				})
			}()
			<-started
			return func() {
				close(proceed)
				if err := <-ended; err != nil {
					t.Errorf("Export: %v", err)
				}
			}
		},
		"another program": func(t *testing.T, _ items.Store, file string) func() {
			t.Helper()
			db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(5000)")
			if err != nil {
				t.Fatal(err)
			}
			var n int
			tx, err := db.BeginTx(context.Background(), nil)
			if err == nil {
				err = tx.QueryRowContext(context.Background(), `SELECT count(*) FROM items`).Scan(&n)
			}
			if err != nil {
				t.Fatal(err)
			}
			return func() { _, _ = tx.Rollback(), db.Close() }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "menu.db")
			store := mustOpen(t, file)
			ctx := context.Background()
			big := items.Item{Name: "Soup", Image: strings.Repeat("x", megabyte)} // the search index does not contain it
			create := func(n int) {
				for range n {
					if _, err := store.Create(ctx, items.AuditInfo{At: time.Now()}, big); err != nil {
						t.Fatal(err)
					}
				}
			}
			size := func() int64 {
				info, err := os.Stat(file + "-wal")
				if err != nil {
					t.Fatal(err)
				}
				return info.Size()
			}
			prune := func() {
				if err := store.Prune(ctx, time.Now(), 0); err != nil {
					t.Fatalf("Prune: %v", err)
				}
			}
			create(1)
			end := read(t, store, file)
			create(20)
			began := time.Now()
			prune()
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("Prune waited %v for a reader", took)
			}
			if got := size(); got < 30*megabyte {
				t.Fatalf("got a WAL of %d bytes, want one that is too large", got)
			}
			end()
			prune()
			if got := size(); got > 16*megabyte {
				t.Errorf("got a WAL of %d bytes after the reader has ended", got)
			}
		})
	}
}
