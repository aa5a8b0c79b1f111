package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// postgres compares a guarded POST with what pgbench reaches with one insert into a table of the same columns and indexes
// for each transaction, and as many clients.
func (b *bench) postgres(ctx context.Context) error {
	programs, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(programs) == 0 {
		log.Print("without PostgreSQL, which is not installed. On Debian: apt-get install -y postgresql")
		return nil
	}
	database, stop, err := b.startPostgres(ctx, programs[len(programs)-1])
	if err != nil {
		return err
	}
	defer stop()
	ours, err := b.product(ctx, database)
	if err != nil {
		return err
	}
	defer ours.stop()
	b.report.add("\n| PostgreSQL, clients | pgbench | guarded POST | ratio | p50 | p99 |\n|---|---|---|---|---|---|")
	for _, clients := range []int{1, 16, 32} {
		var base, own []float64
		var results []result
		for range b.rounds {
			tps, err := b.pgbench(ctx, database, clients)
			if err != nil {
				return err
			}
			r, err := b.measure(ctx, ours, ours.post(clients))
			if err != nil {
				return err
			}
			base, own, results = append(base, tps), append(own, r.perSecond), append(results, r)
		}
		same := func(f float64) float64 { return f }
		b.report.add("| %d | %.0f/s | %.0f/s | %.2f | %.2f ms | %.2f ms |", clients, median(base, same), median(own, same),
			median(own, same)/median(base, same), ms(median(results, func(r result) time.Duration { return r.p50 })),
			ms(median(results, func(r result) time.Duration { return r.p99 })))
	}
	r, err := b.measure(ctx, ours, read("/items", 32))
	if err == nil {
		b.report.add("\nGET list over PostgreSQL, of a thousand items and from memory: %.0f per second.", r.perSecond)
	}
	return err
}

// insert is comparable: a row of the same columns with the same indexes, and nothing of a history, keys or a feed.
const (
	benchTable = `CREATE TABLE IF NOT EXISTS bench_items (id BIGSERIAL PRIMARY KEY, name TEXT NOT NULL, price BIGINT NOT NULL,
		description TEXT NOT NULL, image TEXT NOT NULL, tagline TEXT NOT NULL, category TEXT NOT NULL, calories BIGINT, version BIGINT NOT NULL,
		search TEXT NOT NULL, name_key BYTEA NOT NULL, group_key BYTEA NOT NULL, price_down BIGINT NOT NULL GENERATED ALWAYS AS (-price) STORED);
		CREATE INDEX IF NOT EXISTS bench_a ON bench_items (name_key, id); CREATE INDEX IF NOT EXISTS bench_b ON bench_items (price, id);
		CREATE INDEX IF NOT EXISTS bench_c ON bench_items (price_down, id);
		CREATE INDEX IF NOT EXISTS bench_d ON bench_items (group_key, id) WHERE group_key <> '';`
	benchInsert = `INSERT INTO bench_items (name, price, description, image, tagline, category, version, search, name_key, group_key) VALUES ` +
		`('Soup of the day', 450, 'Warm, with bread', 'https://example.com/soup.png', '', '', 1, 'soup of the day warm, with bread', 'soup of the day', '');` + "\n"
)

var tps = regexp.MustCompile(`tps = ([0-9.]+)`)

func (b *bench) pgbench(ctx context.Context, database string, clients int) (float64, error) {
	file := filepath.Join(b.work, "insert.sql")
	if err := os.WriteFile(file, []byte(benchInsert), 0o600); err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, "pgbench", "-n", "-M", "prepared", "-c", strconv.Itoa(clients), "-j", strconv.Itoa(min(2, clients)),
		"-T", strconv.Itoa(max(1, int(b.duration.Seconds()))), "-f", file, database)
	out, err := cmd.CombinedOutput()
	match := tps.FindSubmatch(out)
	if err != nil || match == nil {
		return 0, fmt.Errorf("pgbench: %w\n%s", err, out)
	}
	return strconv.ParseFloat(string(match[1]), 64)
}

// startPostgres starts a server with its default settings, as another user where we are root.
func (b *bench) startPostgres(ctx context.Context, programs string) (database string, stop func(), err error) {
	folder, err := os.MkdirTemp("", "menu-api-bench-postgres-*")
	if err != nil {
		return "", nil, err
	}
	var as *syscall.SysProcAttr
	if os.Getuid() == 0 {
		owner, err := user.Lookup("postgres")
		if err != nil {
			return "", nil, err
		}
		uid, _ := strconv.Atoi(owner.Uid)
		gid, _ := strconv.Atoi(owner.Gid)
		as = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}} //nolint:gosec // they fit
		if err := os.Chown(folder, uid, gid); err != nil {
			return "", nil, err
		}
	}
	data := filepath.Join(folder, "data")
	initdb := exec.CommandContext(ctx, filepath.Join(programs, "initdb"), "-D", data, "-U", "bench", "-A", "trust", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = as, folder
	if out, err := initdb.CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	server := exec.Command(filepath.Join(programs, "postgres"), "-D", data, "-p", strconv.Itoa(port), "-k", folder, //nolint:noctx // stopped below
		"-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200")
	server.SysProcAttr, server.Dir = as, folder
	if err := server.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = server.Process.Signal(syscall.SIGINT)
		_ = server.Wait()
		_ = os.RemoveAll(folder)
	}
	database = fmt.Sprintf("postgres://bench@127.0.0.1:%d/postgres?sslmode=disable", port)
	for range 200 {
		cmd := exec.CommandContext(ctx, "psql", "-q", "-d", database, "-c", benchTable)
		out, failed := cmd.CombinedOutput()
		if failed == nil {
			return database, stop, nil
		}
		err = errors.New(strings.TrimSpace(string(out)))
		time.Sleep(100 * time.Millisecond)
	}
	stop()
	return "", nil, err
}
