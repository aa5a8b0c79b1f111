//go:build external

package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"menu-api/items"
	"menu-api/items/postgres/pgtest"
)

// A copy of the server and the archive of its write-ahead log bring back the menu of a moment between the copy and now.
func TestPointInTimeRecovery(t *testing.T) {
	t.Parallel()
	server := pgtest.StartArchiving(t)
	database := server.NewDatabase(t)
	store := mustOpen(t, database)
	mustCreate := func(name string) {
		if _, err := store.Create(t.Context(), items.AuditInfo{At: time.Now()}, items.Item{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	mustCreate("Before the copy")
	backup := server.BaseBackup(t)
	mustCreate("After the copy")
	moment := time.Now()
	time.Sleep(10 * time.Millisecond)
	menu, err := store.List(t.Context(), items.Query{})
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range menu {
		if _, err := store.Delete(t.Context(), items.AuditInfo{At: time.Now()}, item.ID, func(items.Item) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	waitForArchive(t, server.URL())

	backup.Recover(t, server, moment)
	config, err := pgx.ParseConfig(database)
	if err != nil {
		t.Fatal(err)
	}
	recovered := mustOpen(t, "postgres://postgres@"+backup.Address()+"/"+config.Database+"?sslmode=disable")
	got, err := recovered.List(t.Context(), items.Query{})
	if err != nil || len(got) != len(menu) {
		t.Errorf("got the items %v, %v, want those before the mistake: %v", got, err, menu)
	}
	if _, err := recovered.Create(t.Context(), items.AuditInfo{At: time.Now()}, items.Item{Name: "Later"}); err != nil {
		t.Errorf("the recovered server takes no writes: %v", err)
	}
}

// waitForArchive returns when everything that was written until now is in the archive.
func waitForArchive(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn := mustConnect(t, url)
	var segment string
	if err := conn.QueryRow(ctx, `SELECT pg_walfile_name(pg_switch_wal())`).Scan(&segment); err != nil {
		t.Fatal(err)
	}
	for archived := false; !archived; time.Sleep(50 * time.Millisecond) {
		if err := conn.QueryRow(ctx, `SELECT coalesce(last_archived_wal >= $1, false) FROM pg_stat_archiver`, segment).Scan(&archived); err != nil {
			t.Fatal(err)
		}
	}
}
