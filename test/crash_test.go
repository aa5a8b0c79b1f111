package test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"menu-api/authz/authztest"
	"menu-api/items"
	"menu-api/items/postgres/pgtest"
)

// make soak has hundreds of rounds.
var crashRounds = flag.Int("rounds", 3, "how many rounds a crash test has")

const (
	crashWriters = 16
	// A new database after this many rounds limits what each round has to read.
	crashDatabaseRounds = 20
)

// After a SIGKILL of the program while clients write, every acknowledged write is in the database, complete and exactly once. The
// same is true for a client that got no response and repeats its request.
func TestCrashOnSQLite(t *testing.T) {
	t.Parallel()
	crash(t, []crashKind{{program: true}}, nil)
}

// crashKind says what a round kills: our program, PostgreSQL's server with all its processes, or both.
type crashKind struct{ program, server bool }

// tally is the report of a crash test.
type tally struct {
	rounds, programs, servers   int // rounds, and what was killed
	answered, unanswered, found int // writes with and without a response; found counts the latter that were applied
	verdict                     verdict
	orphans                     int // idempotency keys without their change
	opened, sound               int // databases that opened and passed the engine's own check
}

func crash(t *testing.T, kinds []crashKind, server *pgtest.Server) {
	t.Helper()
	var sum tally
	began := time.Now()
	tenant := authztest.NewIssuer(t)
	var r *replica
	for sum.rounds < *crashRounds && !t.Failed() {
		if sum.rounds%crashDatabaseRounds == 0 {
			if r != nil {
				r.kill()
			}
			database := newFile(t)
			if server != nil {
				database = server.NewDatabase(t)
			}
			r = newReplica(t, tenant, database)
		}
		r.crashRound(t, kinds[sum.rounds%len(kinds)], server, &sum)
	}
	r.kill()
	t.Logf("\n| engine | rounds | programs killed | servers killed | writes acknowledged | responses lost | of these applied | writes lost | half applied "+
		"| duplicated | keys without change | opened | sound | took |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n"+
		"| %s | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d of %d | %d of %d | %v |\n", strings.TrimPrefix(t.Name(), "TestCrashOn"), sum.rounds,
		sum.programs, sum.servers, sum.answered, sum.unanswered, sum.found, sum.verdict.lost, sum.verdict.half, sum.verdict.duplicated, sum.orphans,
		sum.opened, sum.rounds, sum.sound, sum.rounds, time.Since(began).Round(time.Second))
	if sum.answered == 0 || sum.unanswered == 0 {
		t.Errorf("got %d writes with a response and %d without, want some of both", sum.answered, sum.unanswered)
	}
}

// replica is a process that serves a database, and the clients that write to it.
type replica struct {
	*process

	program  string // its file, or "" for the one that the tests build
	tenant   *authztest.Issuer
	database string
	settings []string // in addition to the usual ones
	addr     string
	writers  []*writer
	shared   *sharedItem
}

// newReplica starts a program on an empty database, with writers.
func newReplica(t *testing.T, tenant *authztest.Issuer, database string, settings ...string) *replica {
	t.Helper()
	r := &replica{
		tenant: tenant, database: database, settings: settings, addr: mustFindAddr(t),
		shared: &sharedItem{answered: map[items.Price]bool{}, unknown: map[items.Price]bool{}},
	}
	r.start(t)
	for i := range crashWriters {
		r.writers = append(r.writers, &writer{
			number: i, prices: items.Price(i) * (items.MaxPrice / crashWriters), shared: r.shared,
			random: rand.New(rand.NewPCG(rand.Uint64(), 0)),
			client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}, api: r.api(),
		})
	}
	r.renewTokens(t)
	response, err := r.writers[0].do(http.MethodPost, "/items", `{"name":"Shared","price":0,"description":"","image":""}`, nil)
	if err != nil || response.status != http.StatusCreated {
		t.Fatalf("got %+v, %v for the first item", response, err)
	}
	var item items.Item
	must(t, json.Unmarshal([]byte(response.body), &item))
	r.shared.id = item.ID
	return r
}

func (r *replica) api() string { return "http://" + r.addr }

// renewTokens gives each client a token for the next hour.
func (r *replica) renewTokens(t *testing.T) {
	t.Helper()
	for _, w := range r.writers {
		w.token = r.tenant.TokenWith(t, items.Permissions(), map[string]any{"sub": fmt.Sprint("auth0|writer ", w.number)})
	}
}

// command returns a command line of the program on the replica's database.
func (r *replica) command(tb testing.TB, args ...string) *exec.Cmd {
	tb.Helper()
	_, port, _ := net.SplitHostPort(r.addr)
	cmd := command(tb, append([]string{
		"DATABASE_URL=" + r.database, "HOST=127.0.0.1", "PORT=" + port,
		"AUTH0_ISSUER_URL=" + r.tenant.URL, "AUTH0_AUDIENCE=" + authztest.Audience, "LOG_LEVEL=error", "SEED_MENU=false", "RATE_LIMIT_WRITES_PER_MINUTE=0",
	}, r.settings...), args...)
	if r.program != "" {
		cmd.Path = r.program
	}
	return cmd
}

// start starts the program and returns when it is ready.
func (r *replica) start(tb testing.TB) {
	tb.Helper()
	r.process = startProcess(tb, r.command(tb, "serve"))
	r.mustBecomeReady(tb, r.api()+"/readyz")
}

// crashRound kills something at a random moment while the clients write, and checks the database afterwards.
func (r *replica) crashRound(t *testing.T, kind crashKind, server *pgtest.Server, sum *tally) {
	t.Helper()
	r.renewTokens(t)
	stop, answers := make(chan struct{}), new(atomic.Int64)
	var writing sync.WaitGroup
	for _, w := range r.writers {
		writing.Go(func() { w.writeUntil(stop, answers) })
	}
	// The moment is a number of responses, not a time, so that the clients also write on a busy machine.
	enough := rand.Int64N(500)
	for deadline := time.Now().Add(3 * time.Second); answers.Load() < enough && time.Now().Before(deadline); {
		time.Sleep(time.Duration(rand.IntN(1000)) * time.Microsecond)
	}
	if kind.program {
		r.kill()
		sum.programs++
	}
	if kind.server {
		server.Kill(t)
		sum.servers++
	}
	close(stop)
	writing.Wait()

	if kind.server {
		server.Start(t)
	}
	if kind.program {
		r.start(t)
	}
	sum.rounds++
	sum.opened++
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var resolved sync.WaitGroup
	for _, w := range r.writers {
		resolved.Go(func() {
			if err := w.resolve(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	resolved.Wait()
	r.inspect(t, sum)
}

// inspect compares the database with the clients' ledgers, and adds to the tally.
func (r *replica) inspect(t *testing.T, sum *tally) {
	t.Helper()
	var ledgers []*ledger
	for _, w := range r.writers {
		ledgers = append(ledgers, w.items...)
		sum.answered, sum.unanswered, sum.found = sum.answered+w.answered, sum.unanswered+w.unanswered, sum.found+w.found
		w.answered, w.unanswered, w.found = 0, 0, 0
		for _, wrong := range w.wrong {
			t.Error(wrong)
		}
	}
	export := r.command(t, "export")
	var failure bytes.Buffer
	export.Stderr = &failure
	out, err := export.Output()
	if err != nil {
		t.Fatalf("export: %v\n%s", err, failure.String())
	}
	got, err := check(string(out), ledgers, r.shared)
	must(t, err)
	sum.verdict.lost += got.lost
	sum.verdict.half += got.half
	sum.verdict.duplicated += got.duplicated
	for _, detail := range got.details {
		t.Error(detail)
	}
	orphans, sound := r.checkDatabase(t)
	sum.orphans += orphans
	if orphans > 0 {
		t.Errorf("got %d idempotency keys without their change", orphans)
	}
	if sound {
		sum.sound++
	}
}

// checkDatabase opens the database directly. It counts the idempotency keys without their change, and runs the engine's
// own check of its files.
func (r *replica) checkDatabase(t *testing.T) (orphans int, sound bool) {
	t.Helper()
	driver, source, query := "pgx", r.database, `SELECT 'ok' FROM pg_database WHERE datname = current_database()`
	if file, local := strings.CutPrefix(r.database, "sqlite:"); local {
		driver, source, query = "sqlite", "file:"+filepath.ToSlash(file)+"?_pragma=busy_timeout(5000)", `PRAGMA quick_check`
	}
	db, err := sql.Open(driver, source)
	must(t, err)
	defer func() { _ = db.Close() }()
	must(t, db.QueryRow(`SELECT count(*) FROM idempotency_keys k
		WHERE NOT EXISTS (SELECT 1 FROM changes c WHERE c.item_id = k.item_id AND c.version = k.version)`).Scan(&orphans))
	var verdict string
	if err := db.QueryRow(query).Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("the engine's check: got %q, %v, want ok", verdict, err)
		return orphans, false
	}
	return orphans, true
}
