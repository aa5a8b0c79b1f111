//go:build external

package postgres_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"menu-api/items"
	"menu-api/items/postgres"
	"menu-api/items/storetest"
)

// longestWait is how long a read or a write may take while an import runs, on a slow machine.
const longestWait = 2 * time.Second

// numbered returns n new items with the ids from first.
func numbered(first int64, n int) func() (items.Record, error) {
	next := storetest.Many(n)
	return func() (items.Record, error) {
		rec, err := next()
		if err == nil {
			rec.Item.ID = first
			first++
		}
		return rec, err
	}
}

// busy creates, changes and reads items until stop is called, which returns the number of writes and the longest wait.
func busy(tb testing.TB, store items.Store) (stop func() (writes int64, longest time.Duration)) {
	tb.Helper()
	ctx := context.Background()
	var done atomic.Bool
	var writes, longest atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for !done.Load() {
				began := time.Now()
				item, err := store.Create(ctx, items.AuditInfo{By: "writer", At: began}, items.Item{Name: "Soup"})
				if err == nil {
					_, err = store.Update(ctx, items.AuditInfo{By: "writer", At: began}, item.ID, func(i items.Item) (items.Item, error) { return i, nil })
				}
				if err == nil {
					_, err = store.Get(ctx, item.ID)
				}
				if err != nil && !errors.Is(err, items.ErrNotFound) { // the import has replaced the item
					tb.Errorf("a write during the import: %v", err)
				}
				writes.Add(1)
				for took := int64(time.Since(began)); ; {
					if old := longest.Load(); took <= old || longest.CompareAndSwap(old, took) {
						break
					}
				}
			}
		})
	}
	return func() (int64, time.Duration) {
		done.Store(true)
		wg.Wait()
		return writes.Load(), time.Duration(longest.Load())
	}
}

func TestImportDuringWrites(t *testing.T) {
	t.Parallel()
	const n = 2_000
	for name, test := range map[string]struct {
		replace, empty bool
		next           func() (items.Record, error)
	}{
		"new items":              {next: storetest.Many(n)},
		"items with ids":         {next: numbered(100_000, n)},
		"into an empty database": {empty: true, next: storetest.Many(n)},
		"replacing everything":   {replace: true, next: numbered(1, n)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := newMigrated(t)
			store, other := mustOpen(t, url), mustOpen(t, url)
			ctx := context.Background()
			var stop func() (int64, time.Duration)
			first := true
			next := func() (items.Record, error) {
				if first && test.empty {
					stop = busy(t, other)
				}
				first = false
				return test.next()
			}
			if !test.empty {
				stop = busy(t, other)
				time.Sleep(100 * time.Millisecond)
			}
			err := store.Import(ctx, items.AuditInfo{By: "import", At: time.Now()}, test.replace, next)
			writes, longest := stop()
			if err != nil {
				t.Fatalf("Import: %v", err)
			}
			t.Logf("%d writes during the import waited at most %v", writes, longest)
			if writes == 0 || longest > longestWait {
				t.Errorf("got %d writes that waited at most %v, want some that waited at most %v", writes, longest, longestWait)
			}
			var imported int
			err = store.Export(ctx, true, func(rec items.Record) error {
				if rec.Change != nil && rec.Change.By == "import" {
					imported++
				}
				return nil
			})
			if err != nil || imported != n {
				t.Errorf("got %d imported changes, %v, want %d", imported, err, n)
			}
		})
	}
}

// A running export delays an import that replaces everything, and no other read or write.
func TestImportReplaceWaitsForAnExport(t *testing.T) {
	t.Parallel()
	url := newMigrated(t)
	store, other := mustOpen(t, url), mustOpen(t, url)
	ctx := context.Background()
	if err := store.Import(ctx, items.AuditInfo{}, false, storetest.Many(1000)); err != nil {
		t.Fatal(err)
	}
	started, proceed, exported := make(chan struct{}), make(chan struct{}), make(chan int)
	go func() {
		records := 0
		err := store.Export(ctx, true, func(items.Record) error {
			if records++; records == 1 {
				close(started)
				<-proceed
			}
			return nil
		})
		if err != nil {
			t.Errorf("Export: %v", err)
		}
		exported <- records
	}()
	<-started
	imported := make(chan error, 1)
	go func() { imported <- store.Import(ctx, items.AuditInfo{}, true, numbered(1, 10)) }()
	stop := busy(t, other)
	time.Sleep(3 * time.Second)
	writes, longest := stop()
	select {
	case err := <-imported:
		t.Errorf("the import ended before the export: %v", err)
	default:
	}
	if writes == 0 || longest > longestWait {
		t.Errorf("got %d writes that waited at most %v, want some that waited at most %v", writes, longest, longestWait)
	}
	close(proceed)
	if records := <-exported; records != 2000 {
		t.Errorf("got %d records, want the 2000 of the moment when the export began", records)
	}
	if err := <-imported; err != nil {
		t.Errorf("Import: %v", err)
	}
	if menu, err := store.List(ctx, items.Query{}); err != nil || len(menu) != 10 {
		t.Errorf("got %d items, %v, want the 10 imported", len(menu), err)
	}
}

// An export that begins while the tables are replaced contains all of one menu.
func TestExportDuringImports(t *testing.T) {
	t.Parallel()
	url := newMigrated(t)
	store, other := mustOpen(t, url), mustOpen(t, url)
	ctx := context.Background()
	const n = 50
	replace := func() error { return store.Import(ctx, items.AuditInfo{}, true, numbered(1, n)) }
	if err := replace(); err != nil {
		t.Fatal(err)
	}
	var done atomic.Bool
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for !done.Load() {
				records := 0
				err := other.Export(ctx, true, func(items.Record) error { records++; return nil })
				if err != nil || records != 2*n {
					t.Errorf("got %d records, %v, want %d", records, err, 2*n)
				}
				if menu, err := other.List(ctx, items.Query{}); err != nil || len(menu) != n {
					t.Errorf("got %d items, %v, want %d", len(menu), err, n)
				}
			}
		})
	}
	for range 5 {
		if err := replace(); err != nil {
			t.Errorf("Import: %v", err)
		}
	}
	done.Store(true)
	wg.Wait()
}

// Another write uses the id of a record that the import has already read.
func TestImportOfAnIDThatIsUsedMeanwhile(t *testing.T) {
	t.Parallel()
	url := newMigrated(t)
	store, other := mustOpen(t, url), mustOpen(t, url)
	ctx := context.Background()
	next := numbered(5, 1000) // which are written before the end
	err := store.Import(ctx, items.AuditInfo{}, false, func() (items.Record, error) {
		rec, err := next()
		for errors.Is(err, io.EOF) {
			if item, err := other.Create(ctx, items.AuditInfo{}, items.Item{Name: "Soup"}); err != nil || item.ID == 5 {
				return rec, errors.Join(io.EOF, err)
			}
		}
		return rec, err
	})
	if want := "item 5: " + items.ErrExists.Error(); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// An error names an item of the file, whatever else is on the menu or is written at the same time.
func TestImportNamesTheRightItem(t *testing.T) {
	t.Parallel()
	url := newMigrated(t)
	store, other := mustOpen(t, url), mustOpen(t, url)
	ctx := context.Background()
	stop := busy(t, other)
	defer stop()
	time.Sleep(50 * time.Millisecond)
	soup := items.Item{ID: 1_000_000, Version: 2, Name: "Soup"}
	for _, replace := range []bool{false, true} {
		sent := false
		err := store.Import(ctx, items.AuditInfo{}, replace, func() (items.Record, error) {
			if sent {
				return items.Record{}, io.EOF
			}
			sent = true
			return items.Record{Item: &soup}, nil
		})
		if want := "item 1000000: " + items.ErrBadHistory.Error(); err == nil || err.Error() != want {
			t.Errorf("with replace %t: got %v, want %s", replace, err, want)
		}
	}
}

// The tables of an import have the columns, constraints and indexes of those that they replace, under the same names.
func TestImportReplaceKeepsTheSchema(t *testing.T) {
	t.Parallel()
	url := newMigrated(t)
	store := mustOpen(t, url)
	postgres.WaitForIndex(t, store)
	ctx := context.Background()
	conn := mustConnect(t, url)
	schema := func() []string {
		rows, _ := conn.Query(ctx, `
SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema()
UNION ALL
SELECT conrelid::regclass || ': ' || conname FROM pg_constraint WHERE connamespace = current_schema()::regnamespace
UNION ALL
SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default, generation_expression)
FROM information_schema.columns WHERE table_schema = current_schema()
ORDER BY 1`)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return lines
	}
	want := schema()
	for range 2 {
		if err := store.Import(ctx, items.AuditInfo{}, true, numbered(1, 3)); err != nil {
			t.Fatal(err)
		}
	}
	if got := schema(); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
