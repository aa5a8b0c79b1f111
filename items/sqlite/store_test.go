package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"menu-api/items"
	"menu-api/items/sqlite"
	"menu-api/items/sqlite/sqlitetest"
	"menu-api/items/storetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, engine())
}

func engine() storetest.Engine {
	return storetest.Engine{
		NewPlace:      sqlitetest.NewFile,
		NewEmptyPlace: func(tb testing.TB) string { tb.Helper(); return filepath.Join(tb.TempDir(), "a folder?#%", "menu.db") },
		Open:          func(place string) (items.Store, error) { return sqlite.Open(context.Background(), place) },
	}
}

func mustOpen(tb testing.TB, file string) *sqlite.Store {
	tb.Helper()
	store, err := sqlite.Open(context.Background(), file)
	if err != nil {
		tb.Fatalf("Open(%s): %v", file, err)
	}
	tb.Cleanup(func() { _ = store.Close() })
	return store
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		prepare func(t *testing.T, file string)
		want    string
	}{
		"a file that is no database": {
			prepare: func(t *testing.T, file string) { mustWrite(t, file, strings.Repeat("This is not a database. ", 500)) },
			want:    "is not an SQLite database",
		},
		"a damaged page": {
			prepare: func(t *testing.T, file string) {
				fill(t, file)
				raw, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				for i := 4096 * 3; i < 4096*6; i++ {
					raw[i] = 0xA5
				}
				mustWrite(t, file, string(raw))
			},
			want: "it is damaged",
		},
		"a truncated file": {
			prepare: func(t *testing.T, file string) {
				fill(t, file)
				if err := os.Truncate(file, 4096*2); err != nil {
					t.Fatal(err)
				}
			},
			want: "it is damaged",
		},
		"a folder in its place": {
			prepare: func(t *testing.T, file string) {
				if err := os.Mkdir(file, 0o700); err != nil {
					t.Fatal(err)
				}
			},
			want: "it cannot be opened for writing",
		},
		"another program's database": {
			prepare: func(t *testing.T, file string) {
				mustExec(t, file, `CREATE TABLE items (id INTEGER PRIMARY KEY, title TEXT)`)
			},
			want: "it belongs to another program",
		},
		"a newer schema that excludes this version": {
			prepare: func(t *testing.T, file string) {
				fill(t, file)
				mustExec(t, file, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (999999, 1); UPDATE compatibility SET oldest = 999999`)
			},
			want: "run the newer menu-api",
		},
		"a newer schema that records no compatibility": {
			prepare: func(t *testing.T, file string) {
				fill(t, file)
				mustExec(t, file, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (999999, 1); DROP TABLE compatibility`)
			},
			want: "run the newer menu-api",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "menu.db")
			test.prepare(t, file)
			before, _ := os.ReadFile(file)
			store, err := sqlite.Open(context.Background(), file)
			if err == nil {
				_ = store.Close()
				t.Fatal("got no error")
			}
			if !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), file) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got error %q, want one line that names the file and says %q", err, test.want)
			}
			if after, _ := os.ReadFile(file); !bytes.Equal(after, before) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestOpenRefusesAFolderThatCannotBeMade(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	mustWrite(t, file, "in the way")
	if _, err := sqlite.Open(context.Background(), filepath.Join(file, "menu.db")); err == nil || !strings.Contains(err.Error(), "folder cannot be created") {
		t.Errorf("got error %v, want one that says the folder cannot be created", err)
	}
}

// A database that another process keeps locked is unavailable: neither a bug nor a missing item.
func TestLockedDatabaseIsUnavailable(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "menu.db")
	store := mustOpen(t, file)
	if err := store.Seed(context.Background(), items.AuditInfo{}, nil); err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(5000)&_txlock=exclusive")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	tx, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := store.Create(context.Background(), items.AuditInfo{}, items.Item{Name: "Soup"}); !errors.Is(err, items.ErrUnavailable) {
		t.Errorf("got error %v, want ErrUnavailable", err)
	}
	if _, err := store.List(context.Background(), items.Query{}); err != nil {
		t.Errorf("List while another process writes: %v", err)
	}
	if err := store.Seed(context.Background(), items.AuditInfo{}, items.DefaultMenu()); err != nil {
		t.Errorf("Seed of a database that was seeded before: %v", err)
	}
}

// A database of the version without a history gets one when it is opened, and its items can be searched and sorted.
func TestOpenRaisesAnOldDatabase(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "menu.db")
	first, err := os.ReadFile("migrations/0001_items.sql")
	if err != nil {
		t.Fatal(err)
	}
	mustExec(t, file, string(first)+`
		CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')));
		INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1);
		INSERT INTO seeded (once) VALUES (1);
		INSERT INTO items (id, name, price, description, image) VALUES (3, 'Crème', 500, 'Old', ''), (7, 'Apple', 100, 'Older', '');`)

	store := mustOpen(t, file)
	ctx := context.Background()
	menu, err := store.List(ctx, items.Query{Sort: items.ByName})
	if err != nil || len(menu) != 2 || menu[0].ID != 7 || menu[1].Version != 1 {
		t.Errorf("got menu %+v, %v, want both items by name", menu, err)
	}
	if menu, err = store.List(ctx, items.Query{Words: []string{"creme"}}); err != nil || len(menu) != 1 {
		t.Errorf("got %+v, %v for a search, want the item with id 3", menu, err)
	}
	changes, err := store.History(ctx, 3, 0, 10)
	if err != nil || len(changes) != 1 || changes[0].Action != items.Created || changes[0].After.Name != "Crème" {
		t.Errorf("got history %+v, %v, want its first entry", changes, err)
	}
	if _, err := store.Delete(ctx, items.AuditInfo{}, 3, func(items.Item) error { return nil }); err != nil {
		t.Error(err)
	}
	if restored, err := store.Restore(ctx, items.AuditInfo{}, 3); err != nil || restored.Version != 3 {
		t.Errorf("got %+v, %v, want the item restored", restored, err)
	}
}

func mustExec(tb testing.TB, file, statement string) {
	tb.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Exec(statement); err != nil {
		tb.Fatal(err)
	}
}

func mustWrite(tb testing.TB, file, content string) {
	tb.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
}

// fill makes a database of more than ten pages and closes it.
func fill(tb testing.TB, file string) {
	tb.Helper()
	sqlitetest.Write(tb, file)
	store, err := sqlite.Open(context.Background(), file)
	if err != nil {
		tb.Fatal(err)
	}
	storetest.MustImport(tb, store, 40, items.Item{Name: "Soup", Description: strings.Repeat("x", 2000)})
	if err := store.Close(); err != nil {
		tb.Fatal(err)
	}
}

// An import into an empty menu drops the indexes and creates them again. A failed import and a later one leave them as they
// were.
func TestImportLeavesTheIndexes(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "menu.db")
	store := mustOpen(t, file)
	indexes := func() (list string) {
		db, err := sql.Open("sqlite", "file:"+file)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		if err := db.QueryRow(`SELECT group_concat(sql, x'0a' ORDER BY sql) FROM sqlite_schema WHERE type = 'index'`).Scan(&list); err != nil {
			t.Fatal(err)
		}
		return list
	}
	want, broken := indexes(), errors.New("broken")
	if strings.Count(want, "INDEX items_") < 7 {
		t.Fatalf("got indexes\n%s\nwant those of the items", want)
	}
	for _, end := range []error{broken, nil, nil} {
		next := storetest.Many(10)
		err := store.Import(context.Background(), items.AuditInfo{}, false, func() (items.Record, error) {
			rec, err := next()
			if errors.Is(err, io.EOF) && end != nil {
				err = end
			}
			return rec, err
		})
		if !errors.Is(err, end) {
			t.Errorf("got %v, want %v", err, end)
		}
		if got := indexes(); got != want {
			t.Errorf("after an import that ended with %v: got indexes\n%s\nwant\n%s", end, got, want)
		}
	}
	if menu, err := store.List(context.Background(), items.Query{}); err != nil || len(menu) != 20 {
		t.Errorf("got %d items, %v, want 20", len(menu), err)
	}
}

// A large file is opened first and checked for damage afterwards.
func TestWatchFindsDamage(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "menu.db")
	store := mustOpen(t, file)
	if err := store.Import(context.Background(), items.AuditInfo{}, false, storetest.Many(2500)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if err := store.Watch(ctx); err != nil {
		t.Errorf("Watch of a sound file: %v", err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	storetest.Damage(t, file)
	store, err := sqlite.OpenWith(context.Background(), file, sqlite.Options{Watched: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	err = store.Watch(context.Background())
	if !errors.Is(err, sqlite.ErrDamaged) || !strings.Contains(err.Error(), file) {
		t.Errorf("got error %v, want one that names the file and says that it is damaged", err)
	}
}

func TestFilesAreForTheirOwner(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "menu.db")
	store, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	if err := store.Seed(t.Context(), items.AuditInfo{}, items.DefaultMenu()); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(file + suffix)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("menu.db%s: got mode %v and %v, want 0600", suffix, info.Mode(), err)
		}
	}
}
