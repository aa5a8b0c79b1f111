package sqlite_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"menu-api/items/storetest"
)

// mustOpenVersion3 creates a database as the program wrote it before it numbered changes in one sequence (schema version 3),
// with its history, restored and imported items, and idempotency keys. The test data is a dump of such a file.
func mustOpenVersion3(tb testing.TB) (file string) {
	tb.Helper()
	dump, err := os.ReadFile("testdata/version3.sql")
	if err != nil {
		tb.Fatal(err)
	}
	file = filepath.Join(tb.TempDir(), "menu.db")
	mustExec(tb, file, string(dump))
	return file
}

// A database of version 3 keeps its items, history, versions and idempotency keys.
func TestOpenMigratesVersion3(t *testing.T) {
	t.Parallel()
	store := mustOpen(t, mustOpenVersion3(t))
	storetest.TestVersion3(t, store, time.Date(2026, 3, 1, 13, 0, 0, 0, time.UTC))
	ctx := context.Background()
	feed, err := store.Feed(ctx)
	if err != nil || feed.ID == "" || feed.Newest != 17 {
		t.Errorf("got feed %+v, %v, want one with the four new changes", feed, err)
	}
}

// A process of the old version that still runs after the migration cannot write: its statements fail, and its transactions
// leave nothing behind.
func TestOldVersionCannotWrite(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	file := mustOpenVersion3(t)
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	// The old version has prepared its statements before the migration.
	record, err := db.Prepare(
		`INSERT INTO changes (seq, item_id, version, action, author, at, before_json, after_json) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = record.Close() }()

	store := mustOpen(t, file)
	before := storetest.MustExport(t, store)
	for name, write := range map[string]string{
		"create": `INSERT INTO items (name, price, description, image, version) VALUES ('New', 1, '', '', 1)`,
		"update": `UPDATE items SET price = 1, version = version + 1 WHERE id = 5`,
		"delete": `DELETE FROM items WHERE id = 5`,
	} {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(write); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := tx.Stmt(record).Exec(nil, 5, 2, name, "old", 0, "{}", "{}"); err == nil { //nolint:sqlclosecheck // the transaction closes it
			t.Errorf("%s: the old version has recorded a change", name)
		}
		_ = tx.Rollback() // as the old version does after an error
	}
	if got := storetest.MustExport(t, store); got != before {
		t.Errorf("got export\n%s\nwant it unchanged\n%s", got, before)
	}
}
