//go:build external

package postgres_test

import (
	"bytes"
	"context"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"menu-api/items"
	"menu-api/items/postgres/pgtest"
	"menu-api/items/transfer"
)

// mustRestoreVersion3 creates a database as the program wrote it before it numbered changes in one sequence (schema version
// 3), with its history, restored and imported items, and idempotency keys. The test data is the output of pg_dump.
func mustRestoreVersion3(tb testing.TB) (url string, conn *pgx.Conn) {
	tb.Helper()
	dump, err := os.ReadFile("testdata/version3.sql")
	if err != nil {
		tb.Fatal(err)
	}
	url = pgtest.NewDatabase(tb)
	conn = mustConnect(tb, url)
	// The keys were used just now: a store deletes expired keys when it opens.
	mustExec(tb, conn, string(dump)+`UPDATE idempotency_keys SET at = now()`)
	return url, conn
}

func mustConnect(tb testing.TB, url string) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func mustExec(tb testing.TB, conn *pgx.Conn, statements string) {
	tb.Helper()
	if _, err := conn.Exec(context.Background(), statements); err != nil {
		tb.Fatal(err)
	}
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
	url, _ := mustRestoreVersion3(t)
	store := mustOpen(t, url)
	want, err := os.ReadFile("testdata/version3.jsonl") // the export of the old program
	if err != nil {
		t.Fatal(err)
	}
	if got := mustExport(t, store); got != string(want) {
		t.Errorf("got export\n%s\nwant\n%s", got, want)
	}

	ctx := context.Background()
	info := items.AuditInfo{By: "auth0|chef", At: time.Now()}
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
	changes, err := store.Changes(ctx, 0, 100)
	if err != nil || len(changes) != 4 {
		t.Errorf("got changes %+v, %v, want the four new ones", changes, err)
	}
	feed, err := store.Feed(ctx)
	if err != nil || feed.ID == "" || len(changes) > 0 && feed.Newest != changes[len(changes)-1].Number {
		t.Errorf("got feed %+v, %v, want one that ends with the newest change", feed, err)
	}
}

// The old version imported histories with gaps. The state before a gap survives.
func TestOpenMigratesHistoryWithGaps(t *testing.T) {
	t.Parallel()
	url, conn := mustRestoreVersion3(t)
	mustExec(t, conn, `
INSERT INTO changes (item_id, version, action, author, at, before_json)
VALUES (9, 5, 'delete', 'before', now(), '{"id":9,"name":"Lost","price":1,"description":"","image":""}')`)
	restored, err := mustOpen(t, url).Restore(context.Background(), items.AuditInfo{At: time.Now()}, 9)
	if err != nil || restored.Name != "Lost" || restored.Version != 6 {
		t.Errorf("got %+v, %v, want the item as it was before the deletion", restored, err)
	}
}

// A process of the old version that still runs after the migration cannot write: its statements fail as a whole.
func TestOldVersionCannotWrite(t *testing.T) {
	t.Parallel()
	const intoHistory = `, turn AS (
			UPDATE lanes SET seq = seq + 1 WHERE lane = (SELECT id % 8 FROM item) RETURNING lane, seq
		)
		INSERT INTO changes (item_id, version, lane, seq, action, author, at, before_json, after_json)
		SELECT item.id, item.version, turn.lane, turn.seq, 'old', 'old', now(), '{}', '{}' FROM item, turn RETURNING item_id`
	writes := map[string]string{
		"create": `WITH item AS (
			INSERT INTO items (id, version, name, price, description, image, tagline, category, search, name_key, group_key)
			VALUES (nextval('item_ids'), 1, 'New', 1, '', '', '', '', '', '', '') RETURNING id, version)` + intoHistory,
		"update": `WITH item AS (
			UPDATE items SET price = 1, version = version + 1 WHERE id = 5 AND version = 1 RETURNING id, version)` + intoHistory,
		"delete": `WITH item AS (
			DELETE FROM items WHERE id = 5 AND version = 1 RETURNING id, version + 1 AS version)` + intoHistory,
		"reset, first": `SELECT count(*) FROM (SELECT lane FROM lanes ORDER BY lane FOR UPDATE) AS locked`,
		"import, last": `WITH turn AS (UPDATE lanes SET seq = seq + 1 WHERE lane = 0 RETURNING lane, seq)
			INSERT INTO changes (item_id, version, lane, seq, action, author, at) SELECT 0, seq, lane, seq, 'import', 'old', now() FROM turn`,
	}
	ctx := context.Background()
	url, old := mustRestoreVersion3(t)
	for name, write := range writes { // the old process has prepared them before the migration
		if _, err := old.Prepare(ctx, name, write); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	store := mustOpen(t, url)
	before := mustExport(t, store)
	for name := range writes {
		if _, err := old.Exec(ctx, name); err == nil {
			t.Errorf("%s: got no error from a write of the old version", name)
		}
	}
	if got := mustExport(t, store); got != before {
		t.Errorf("got export\n%s\nwant it unchanged\n%s", got, before)
	}
}
