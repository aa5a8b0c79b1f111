//go:build external

package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"menu-api/authz/authztest"
	"menu-api/items"
)

// TestUpgradeAndRollBackUnderLoad runs this version and the next one, which has one more field, on the same database while
// clients write. No request fails, nothing is lost, and the field survives writes of the old version.
func TestUpgradeAndRollBackUnderLoad(t *testing.T) {
	t.Parallel()
	project, err := withOrigin()
	must(t, err)
	for engine, newDatabase := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			tenant := authztest.NewIssuer(t)
			old := newReplica(t, tenant, newDatabase(t))
			// The old version has made the schema. From now on, only the command migrates.
			old.settings = []string{"MIGRATE_ON_START=false"}
			next := &replica{
				program: filepath.Join(project, "menu-api"), tenant: tenant, database: old.database, settings: old.settings,
				addr: mustFindAddr(t), shared: old.shared,
			}
			client := old.writers[0]
			response, err := client.do(http.MethodPost, "/items", `{"name":"Cawl","price":5,"description":"","image":""}`, nil)
			must(t, err)
			var cawl items.Item
			must(t, json.Unmarshal([]byte(response.body), &cawl))
			item := fmt.Sprint("/items/", cawl.ID)

			// The commands of the next version that only read do so without a migration.
			before := mustOutput(t, old.command(t, "export"))
			if got := mustOutput(t, next.command(t, "export")); got != before {
				t.Errorf("export of the next version: got\n%s\nwant\n%s", got, before)
			}
			mustOutput(t, next.command(t, "backup", filepath.Join(t.TempDir(), "backup.db")))
			pending := 1
			if engine == "PostgreSQL" {
				pending = 2
			}
			if got := mustOutput(t, next.command(t, "migrate", "status")); strings.Count(got, "to do: ") != pending || !strings.Contains(got, "_origin") {
				t.Errorf("migrate status: got\n%s\nwant %d migrations to do", got, pending)
			}
			rejected := next.command(t, "serve")
			if output, err := rejected.CombinedOutput(); err == nil || !strings.Contains(string(output), "menu-api migrate up") {
				t.Errorf("serve without a migration: got %v, %s, want an error that names the command", err, output)
			}

			underLoad(t, old, func() {
				got := mustMigrate(t, next)
				if want := fmt.Sprintf("migrations applied: %d", pending); !strings.Contains(got, "_origin in ") || !strings.Contains(got, want) {
					t.Errorf("migrate up: got\n%s\nwant what was applied and how long it took", got)
				}
			})
			next.start(t)
			for i, w := range old.writers {
				if i%2 == 0 {
					w.api = next.api()
				}
			}
			underLoad(t, old, func() {
				for _, step := range []struct{ api, method, path, body, origin string }{
					{next.api(), "PATCH", item, `{"origin":"Wales"}`, "Wales"},
					{old.api(), "PATCH", item, `{"tagline":"Of the old version"}`, ""},
					{next.api(), "GET", item, "", "Wales"},
				} {
					if got := mustDo(t, client, step.api, step.method, step.path, step.body); originOf(got) != step.origin {
						t.Errorf("%s %s: got %s, want the origin %q", step.method, step.path, got, step.origin)
					}
				}
			})

			// The rollback: the old version replaces the next one, and starts on its schema.
			underLoad(t, old, func() {}) // of both
			for _, w := range old.writers {
				w.api = old.api()
			}
			for _, r := range []*replica{next, old} {
				must(t, r.Process.Signal(syscall.SIGTERM))
				<-r.ended
				if !r.ProcessState.Success() {
					t.Errorf("got %v, want exit status 0\n%s", r.ProcessState, mustReadFile(t, r.log))
				}
			}
			old.settings = nil // it accepts the schema with any setting
			old.start(t)
			underLoad(t, old, func() {})
			next.start(t) // and the upgrade again
			if got := mustDo(t, client, next.api(), "GET", item, ""); originOf(got) != "Wales" {
				t.Errorf("after the rollback: got %s, want the origin Wales", got)
			}
			created, updated := entry{items.Created, cawl.Price}, entry{items.Updated, cawl.Price}
			client.items = append(client.items, &ledger{id: cawl.ID, name: cawl.Name, entries: []entry{created, updated, updated}})
			var sum tally
			old.inspect(t, &sum) // no write is lost, incomplete or duplicated
			t.Logf("%d writes acknowledged", sum.answered)
		})
	}
}

// mustMigrate applies the migrations and returns the output of the command. On PostgreSQL, a transaction makes CREATE INDEX
// CONCURRENTLY wait for it, while a second process waits for the lock of the migrations.
func mustMigrate(t *testing.T, r *replica) string {
	t.Helper()
	first := r.command(t, "migrate", "up")
	if strings.HasPrefix(r.database, "sqlite:") {
		return mustOutput(t, first)
	}
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, r.database)
	must(t, err)
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, `BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class`)
	must(t, err)
	output := make(chan string, 2)
	var running sync.WaitGroup
	running.Go(func() { output <- mustOutput(t, first) })
	other, err := pgx.Connect(ctx, r.database)
	must(t, err)
	defer func() { _ = other.Close(ctx) }()
	for building := false; !building; time.Sleep(10 * time.Millisecond) {
		must(t, other.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting%')`).Scan(&building))
	}
	running.Go(func() { mustOutput(t, r.command(t, "migrate", "up")) })
	time.Sleep(time.Second) // so that the second process tries to get the lock
	_, err = conn.Exec(ctx, `COMMIT`)
	must(t, err)
	running.Wait()
	var valid bool
	must(t, other.QueryRow(ctx, `SELECT indisvalid FROM pg_index WHERE indexrelid = 'items_by_origin'::regclass`).Scan(&valid))
	if !valid {
		t.Error("the index is not valid")
	}
	return <-output
}

// underLoad calls do while the writers write. They make 100 writes before it and 100 after it, and each must get a response.
func underLoad(t *testing.T, r *replica, do func()) {
	t.Helper()
	r.renewTokens(t)
	stop, answers := make(chan struct{}), new(atomic.Int64)
	var writing sync.WaitGroup
	for _, w := range r.writers {
		writing.Go(func() { w.writeUntil(stop, answers) })
	}
	waitFor := func(n int64) {
		start := answers.Load()
		for deadline := time.Now().Add(time.Minute); answers.Load() < start+n && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
	}
	waitFor(100)
	do()
	waitFor(100)
	close(stop)
	writing.Wait()
	for _, w := range r.writers {
		if w.pending != nil {
			t.Errorf("a write to %s got no response", w.api)
		}
	}
}

func mustDo(t *testing.T, w *writer, api, method, path, body string) string {
	t.Helper()
	client := &writer{client: http.DefaultClient, api: api, token: w.token}
	response, err := client.do(method, path, body, nil)
	must(t, err)
	if response.status != http.StatusOK {
		t.Errorf("%s %s: got %d %s, want 200", method, path, response.status, response.body)
	}
	return response.body
}
