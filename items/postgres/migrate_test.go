//go:build external

package postgres_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"menu-api/items"
	"menu-api/items/postgres/pgtest"
	"menu-api/items/storetest"
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

// A database of version 3 keeps its items, history, versions and idempotency keys.
func TestOpenMigratesVersion3(t *testing.T) {
	t.Parallel()
	url, _ := mustRestoreVersion3(t)
	store := mustOpen(t, url)
	storetest.TestVersion3(t, store, time.Now())
	ctx := context.Background()
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
	before := storetest.MustExport(t, store)
	for name := range writes {
		if _, err := old.Exec(ctx, name); err == nil {
			t.Errorf("%s: got no error from a write of the old version", name)
		}
	}
	if got := storetest.MustExport(t, store); got != before {
		t.Errorf("got export\n%s\nwant it unchanged\n%s", got, before)
	}
}
