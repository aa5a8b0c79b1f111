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
	"os"
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

// make torture sets these: many rounds, and the program as it is delivered in place of the test's own.
var (
	tortureRounds  = flag.Int("rounds", 3, "how many rounds TestTorture has on each engine")
	tortureProgram = flag.String("program", "", "the menu-api that TestTorture kills")
	tortureReport  = flag.String("report", "", "the file that TestTorture adds its counts to")
)

const (
	tortureWriters = 16
	// tortureAge is after how many rounds a new database is begun, which bounds what has to be read in each.
	tortureAge = 20
)

// Whatever is killed with SIGKILL while clients write: what was answered is there, whole, and once, also where a client
// that had no answer asked again.
func TestTorture(t *testing.T) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		torture(t, "SQLite", []trouble{{program: true}}, nil)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		torture(t, "PostgreSQL", []trouble{{program: true}, {server: true}, {program: true, server: true}}, pgtest.Start(t))
	})
}

// trouble is what a round kills: our program, PostgreSQL's server with all its processes, or both.
type trouble struct{ program, server bool }

// tally is the report.
type tally struct {
	rounds, programs, servers   int // rounds, and what was killed
	answered, unanswered, found int // writes; found are those whose answer alone was lost
	verdict                     verdict
	orphans                     int // idempotency keys whose change is not there
	opened, sound               int // databases that opened and passed the engine's own check
}

func torture(t *testing.T, engine string, troubles []trouble, server *pgtest.Server) {
	var sum tally
	began := time.Now()
	tenant := authztest.NewIssuer(t)
	var v *victim
	for sum.rounds < *tortureRounds && !t.Failed() {
		if sum.rounds%tortureAge == 0 {
			if v != nil {
				v.kill()
			}
			database := "sqlite:" + filepath.Join(t.TempDir(), "menu.db")
			if server != nil {
				database = server.NewDatabase(t)
			}
			v = newVictim(t, tenant, database)
		}
		v.round(troubles[sum.rounds%len(troubles)], server, &sum)
	}
	v.kill()
	report := fmt.Sprintf("| %s | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d of %d | %d of %d | %v |\n", engine, sum.rounds,
		sum.programs, sum.servers, sum.answered, sum.unanswered, sum.found, sum.verdict.lost, sum.verdict.half, sum.verdict.duplicated, sum.orphans,
		sum.opened, sum.rounds, sum.sound, sum.rounds, time.Since(began).Round(time.Second))
	t.Log("\n" + reportHead + report)
	if sum.answered == 0 || sum.unanswered == 0 {
		t.Errorf("got %d writes answered and %d not, want some of each: the storm was none", sum.answered, sum.unanswered)
	}
	if *tortureReport != "" {
		appendReport(t, *tortureReport, report)
	}
}

const reportHead = "| engine | rounds | programs killed | servers killed | writes acknowledged | answers lost | of these applied | writes lost | half applied " +
	"| duplicated | keys without change | opened | sound | took |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n"

func appendReport(t *testing.T, name, report string) {
	t.Helper()
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if info, err := file.Stat(); err == nil && info.Size() == 0 {
		report = reportHead + report
	}
	if _, err := file.WriteString(report); err != nil {
		t.Fatal(err)
	}
}

// victim is a database, the program that serves it, and the clients that write.
type victim struct {
	t        *testing.T
	tenant   *authztest.Issuer
	database string
	settings []string // more than the usual
	port     string
	process  *exec.Cmd
	output   *bytes.Buffer
	writers  []*writer
	shared   *crowd
}

func newVictim(t *testing.T, tenant *authztest.Issuer, database string, settings ...string) *victim {
	t.Helper()
	v := &victim{t: t, tenant: tenant, database: database, settings: settings, port: unusedPort(t)}
	v.start()
	v.shared = &crowd{answered: map[items.Price]bool{}, unknown: map[items.Price]bool{}}
	for i := range tortureWriters {
		v.writers = append(v.writers, &writer{
			number: i, prices: items.Price(i) * (items.MaxPrice / tortureWriters), shared: v.shared,
			random: rand.New(rand.NewPCG(rand.Uint64(), 0)),
			client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}, api: v.api(),
		})
	}
	v.sign()
	answer, err := v.writers[0].do(http.MethodPost, "/items", `{"name":"Shared","price":0,"description":"","image":""}`, nil)
	if err != nil || answer.status != http.StatusCreated {
		t.Fatalf("got %+v, %v for the first item", answer, err)
	}
	var item items.Item
	if err := json.Unmarshal([]byte(answer.body), &item); err != nil {
		t.Fatal(err)
	}
	v.shared.id = item.ID
	return v
}

func unusedPort(t *testing.T) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(free.Addr().String())
	must(t, free.Close())
	return port
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (v *victim) api() string { return "http://127.0.0.1:" + v.port }

// sign gives each client a token that is good for the next hour.
func (v *victim) sign() {
	v.t.Helper()
	for _, w := range v.writers {
		w.token = v.tenant.TokenWith(v.t, items.Permissions(), map[string]any{"sub": fmt.Sprint("auth0|writer ", w.number)})
	}
}

// program is the command line of the program under torture on its database.
func (v *victim) program(args ...string) *exec.Cmd {
	name := *tortureProgram
	if name == "" {
		name = os.Args[0]
	}
	command := exec.CommandContext(v.t.Context(), name, append(args, "--env-file=")...)
	command.Env = []string{
		asProgram + "=1", "GOCOVERDIR=" + os.Getenv("GOCOVERDIR"), "DATABASE_URL=" + v.database, "HOST=127.0.0.1", "PORT=" + v.port,
		"AUTH0_ISSUER_URL=" + v.tenant.URL, "AUTH0_AUDIENCE=" + authztest.Audience, "LOG_LEVEL=error", "SEED_MENU=false", "RATE_LIMIT_WRITES_PER_MINUTE=0",
	}
	command.Env = append(command.Env, v.settings...)
	return command
}

// start starts the program and returns when it is ready.
func (v *victim) start() {
	v.t.Helper()
	v.output = new(bytes.Buffer)
	v.process = v.program("serve")
	v.process.Stdout, v.process.Stderr = v.output, v.output
	if err := v.process.Start(); err != nil {
		v.t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		response, err := http.Get(v.api() + "/readyz")
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			v.kill()
			v.t.Fatalf("the program is not ready within a minute:\n%s", v.output)
		}
	}
}

func (v *victim) kill() {
	_ = v.process.Process.Kill()
	_ = v.process.Wait()
}

// round has the clients write, brings the trouble upon them at a random moment, and looks at what is left.
func (v *victim) round(trouble trouble, server *pgtest.Server, sum *tally) {
	v.t.Helper()
	v.sign()
	stop, answers := make(chan struct{}), new(atomic.Int64)
	var storm sync.WaitGroup
	for _, w := range v.writers {
		storm.Go(func() { w.storm(stop, answers) })
	}
	// A number of answers, and not a time, so that there is a storm on a busy machine too.
	enough := rand.Int64N(500)
	for deadline := time.Now().Add(3 * time.Second); answers.Load() < enough && time.Now().Before(deadline); {
		time.Sleep(time.Duration(rand.IntN(1000)) * time.Microsecond)
	}
	if trouble.program {
		v.kill()
		sum.programs++
	}
	if trouble.server {
		server.Kill(v.t)
		sum.servers++
	}
	close(stop)
	storm.Wait()

	if trouble.server {
		server.Start(v.t)
	}
	if trouble.program {
		v.start()
	}
	sum.rounds++
	sum.opened++
	ctx, cancel := context.WithTimeout(v.t.Context(), time.Minute)
	defer cancel()
	var resolved sync.WaitGroup
	for _, w := range v.writers {
		resolved.Go(func() {
			if err := w.resolve(ctx); err != nil {
				v.t.Error(err)
			}
		})
	}
	resolved.Wait()
	v.inspect(sum)
}

// inspect compares the database with what the clients know, and adds to the tally.
func (v *victim) inspect(sum *tally) {
	v.t.Helper()
	var ledgers []*ledger
	for _, w := range v.writers {
		ledgers = append(ledgers, w.items...)
		sum.answered, sum.unanswered, sum.found = sum.answered+w.answered, sum.unanswered+w.unanswered, sum.found+w.found
		w.answered, w.unanswered, w.found = 0, 0, 0
		for _, wrong := range w.wrong {
			v.t.Error(wrong)
		}
	}
	export := v.program("export")
	var failure bytes.Buffer
	export.Stderr = &failure
	out, err := export.Output()
	if err != nil {
		v.t.Fatalf("export: %v\n%s", err, failure.String())
	}
	got, err := check(string(out), ledgers, v.shared)
	if err != nil {
		v.t.Fatal(err)
	}
	sum.verdict.lost += got.lost
	sum.verdict.half += got.half
	sum.verdict.duplicated += got.duplicated
	for _, detail := range got.details {
		v.t.Error(detail)
	}
	orphans, sound := v.look()
	sum.orphans += orphans
	if orphans > 0 {
		v.t.Errorf("got %d idempotency keys without their change", orphans)
	}
	if sound {
		sum.sound++
	}
}

// look opens the database beside the program. It counts the idempotency keys whose change is not there, and asks the
// engine whether its files are as they should be.
func (v *victim) look() (orphans int, sound bool) {
	v.t.Helper()
	driver, source, question := "pgx", v.database, `SELECT 'ok' FROM pg_database WHERE datname = current_database()`
	if file, local := strings.CutPrefix(v.database, "sqlite:"); local {
		driver, source, question = "sqlite", "file:"+file+"?_pragma=busy_timeout(5000)", `PRAGMA quick_check`
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	err = db.QueryRow(`SELECT count(*) FROM idempotency_keys k
		WHERE NOT EXISTS (SELECT 1 FROM changes c WHERE c.item_id = k.item_id AND c.version = k.version)`).Scan(&orphans)
	if err != nil {
		v.t.Fatal(err)
	}
	var verdict string
	if err := db.QueryRow(question).Scan(&verdict); err != nil || verdict != "ok" {
		v.t.Errorf("the engine's check: got %q, %v, want ok", verdict, err)
		return orphans, false
	}
	return orphans, true
}
