//go:build soak

package sqlite_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"menu-api/items"
	"menu-api/items/storetest"
)

// A checkpoint restarts the WAL only at a moment when no reader uses it. If reads overlap, the writer has to create such a
// moment, or the file grows without bound.
func TestWALStaysBounded(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "menu.db")
	store := mustOpen(t, file)
	ctx, stop := context.WithCancel(context.Background())
	if err := store.Import(ctx, items.AuditInfo{}, false, storetest.Many(2000)); err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			for ctx.Err() == nil {
				if _, err := store.List(ctx, items.Query{Limit: 500}); err != nil && ctx.Err() == nil {
					t.Errorf("List: %v", err)
					return
				}
			}
		})
	}
	var written, largest int64
	for written < 60<<20 {
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				item := items.Item{Name: "Soup", Description: strings.Repeat("x", 100_000)}
				if _, err := store.Create(ctx, items.AuditInfo{At: time.Now()}, item); err != nil {
					t.Errorf("Create: %v", err)
				}
			})
			written += 2 * 100_000 // the item and its change
		}
		wg.Wait()
		info, err := os.Stat(file + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		largest = max(largest, info.Size())
	}
	stop()
	work.Wait()
	t.Logf("wrote %d MiB; the WAL had at most %d", written>>20, largest>>20)
	if largest > 40<<20 {
		t.Errorf("got a log of %d MiB", largest>>20)
	}
}
