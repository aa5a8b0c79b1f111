//go:build soak

package test

import (
	"encoding/csv"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"menu-api/items/postgres/pgtest"
	"menu-api/items/storetest"
)

var benchRows = flag.Int("rows", 1_000_000, "how many items BenchmarkTransfer moves")

// BenchmarkTransfer measures the processes of the commands that move a menu: the wall time, the CPU time, and the most
// memory. PostgreSQL's server is not included.
//
//	go test -tags soak -run '^$' -bench Transfer -benchtime 1x -timeout 1h ./test
func BenchmarkTransfer(b *testing.B) {
	for name, database := range map[string]func(testing.TB) string{
		"SQLite":     newFile,
		"PostgreSQL": func(tb testing.TB) string { tb.Helper(); return pgtest.Start(tb).NewDatabase(tb) },
	} {
		b.Run(name, func(b *testing.B) {
			folder := b.TempDir()
			table, lines, saved := filepath.Join(folder, "menu.csv"), filepath.Join(folder, "menu.jsonl"), filepath.Join(folder, "menu.backup")
			writeTable(b, table, *benchRows)
			full, another := database(b), database(b)
			for _, step := range []struct {
				name, database string
				args           []string
			}{
				{"import=csv", full, []string{"import", table}},
				{"export=jsonl", full, []string{"export", lines}},
				{"backup", full, []string{"backup", saved}},
				{"import=jsonl", another, []string{"import", lines}},
				{"restore", another, []string{"restore", "--replace", saved}},
			} {
				b.Run(step.name, func(b *testing.B) {
					for range b.N {
						measureCommand(b, step.database, step.args...)
					}
				})
			}
		})
	}
}

func measureCommand(b *testing.B, database string, args ...string) {
	b.Helper()
	command := command(b, []string{"DATABASE_URL=" + database}, args...)
	began := time.Now()
	if out, err := command.CombinedOutput(); err != nil {
		b.Fatalf("%q: %v\n%s", args, err, out)
	}
	usage, _ := command.ProcessState.SysUsage().(*syscall.Rusage)
	b.ReportMetric(0, "ns/op") // leaves it out
	b.ReportMetric(time.Since(began).Seconds(), "s")
	b.ReportMetric((command.ProcessState.UserTime() + command.ProcessState.SystemTime()).Seconds(), "s-busy")
	b.ReportMetric(float64(usage.Maxrss)/1024, "MiB")
}

func writeTable(tb testing.TB, name string, rows int) {
	tb.Helper()
	file, err := os.Create(name)
	must(tb, err)
	defer func() { _ = file.Close() }()
	table := csv.NewWriter(file)
	_ = table.Write([]string{"name", "price", "description", "image", "category", "calories"})
	for next := storetest.Many(rows); ; {
		rec, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		i := rec.Item
		_ = table.Write([]string{i.Name, i.Price.String(), i.Description, i.Image, i.Category, strconv.FormatInt(*i.Calories, 10)})
	}
	if table.Flush(); table.Error() != nil {
		tb.Fatal(table.Error())
	}
}
