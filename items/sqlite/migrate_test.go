package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"menu-api/items"
	"menu-api/items/transfer"
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

func mustExport(tb testing.TB, store items.Store) string {
	tb.Helper()
	var out bytes.Buffer
	if _, err := transfer.Export(context.Background(), store, &out, transfer.JSONL, true, nil); err != nil {
		tb.Fatal(err)
	}
	return out.String()
}

// A database of version 3 keeps its items, history, versions and idempotency keys.
func TestOpenMigratesVersion3(t *testing.T) {
	t.Parallel()
	store := mustOpen(t, mustOpenVersion3(t))
	want, err := os.ReadFile("testdata/version3.jsonl") // the export of the old program
	if err != nil {
		t.Fatal(err)
	}
	if got := mustExport(t, store); got != string(want) {
		t.Errorf("got export\n%s\nwant\n%s", got, want)
	}

	ctx := context.Background()
	info := items.AuditInfo{By: "auth0|chef", At: time.Date(2026, 3, 1, 13, 0, 0, 0, time.UTC)}
	info.Key = &items.Key{Value: "create soup", Fingerprint: [32]byte{1}}
	if created, err := store.Create(ctx, info, items.Item{Name: "Again"}); err != nil || created.ID != 7 || created.Version != 1 || created.Price != 450 {
		t.Errorf("got %+v, %v for a retried create, want the item as it was created", created, err)
	}
	info.Key = &items.Key{Value: "restore soup", Fingerprint: [32]byte{1}}
	if restored, err := store.Restore(ctx, info, 7); err != nil || restored.Version != 5 || restored.Price != 550 {
		t.Errorf("got %+v, %v for a retried restore, want the item as it was restored", restored, err)
	}
	info.Key = nil
	for id, name := range map[int64]string{1: "Burger", 8: "Gone", 21: "Imported and deleted"} {
		if restored, err := store.Restore(ctx, info, id); err != nil || restored.Version != 3 || restored.Name != name {
			t.Errorf("got %+v, %v, want the restored %s", restored, err, name)
		}
	}
	if created, err := store.Create(ctx, info, items.Item{Name: "New"}); err != nil || created.ID != 23 {
		t.Errorf("got %+v, %v, want the next id", created, err)
	}
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
	before := mustExport(t, store)
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
	if got := mustExport(t, store); got != before {
		t.Errorf("got export\n%s\nwant it unchanged\n%s", got, before)
	}
}
