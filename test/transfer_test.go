package test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"menu-api/cli"
	"menu-api/items"
	"menu-api/items/sqlite"
)

// menu is a database of a test.
type menu struct {
	tb  testing.TB
	url string
}

func newMenu(tb testing.TB) menu {
	tb.Helper()
	return menu{tb, newFile(tb)}
}

func (m menu) file() string { return strings.TrimPrefix(m.url, "sqlite:") }

// run runs a command in this process and returns its standard output.
func (m menu) run(ctx context.Context, args ...string) (string, error) {
	var out bytes.Buffer
	err := cli.Run(ctx, append(args, "--env-file="), env{"DATABASE_URL": m.url}.get, &out)
	return out.String(), err
}

func (m menu) must(args ...string) string {
	m.tb.Helper()
	out, err := m.run(context.Background(), args...)
	if err != nil {
		m.tb.Fatalf("%q: %v", args, err)
	}
	return out
}

// fill makes a history with every action.
func (m menu) fill() {
	m.tb.Helper()
	store, err := openStoreOf(m.file())
	must(m.tb, err)
	defer func() { _ = store.Close() }()
	ctx, calories := context.Background(), int64(12)
	for _, item := range []items.Item{
		{Name: `"Crème", brûlée`, Price: 599, Description: "one\ntwo", Calories: &calories}, {Name: "寿司", Tagline: "🍣"}, {Name: "Gone"},
	} {
		_, failed := store.Create(ctx, items.AuditInfo{By: "menu-api", At: time.Now()}, item)
		err = errors.Join(err, failed)
	}
	_, updated := store.Update(ctx, items.AuditInfo{By: "menu-api", At: time.Now()}, 1, func(item items.Item) (items.Item, error) { item.Price = 1; return item, nil })
	_, deleted := store.Delete(ctx, items.AuditInfo{By: "menu-api", At: time.Now()}, 3, func(items.Item) error { return nil })
	must(m.tb, errors.Join(err, updated, deleted))
}

func openStoreOf(file string) (*sqlite.Store, error) { return sqlite.Open(context.Background(), file) }

// assertFolder checks the files in a folder: no temporary or incomplete file remains.
func assertFolder(tb testing.TB, folder string, want ...string) {
	tb.Helper()
	entries, err := os.ReadDir(folder)
	must(tb, err)
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		tb.Errorf("got files %q, want %q", got, want)
	}
}

func TestExportFiles(t *testing.T) {
	t.Parallel()
	m, folder := newMenu(t), t.TempDir()
	m.fill()
	file := filepath.Join(folder, "menu.csv")
	m.must("export", file)
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want a file that only its owner can read", info, err)
	}
	want := "id,name,price,description,image,tagline,category,calories,soldOut,position\n" +
		"1,\"\"\"Crème\"\", brûlée\",0.01,\"one\ntwo\",,,,12,,\n2,寿司,0,,,🍣,,,,\n"
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, got, want)
	}
	if got := m.must("export", "-", "--format=csv"); got != want {
		t.Errorf("standard output: got\n%s\nwant\n%s", got, want)
	}
	if got := m.must("export", "--history=false"); strings.Count(got, "\n") != 2 || strings.Contains(got, "version") {
		t.Errorf("got %s, want only the items", got)
	}
	m.must("export", file, "--force", "--format=jsonl")
	m.must("import", file, "--format=jsonl", "--replace")
	assertFolder(t, folder, "menu.csv")
}

func TestTransferRejects(t *testing.T) {
	t.Parallel()
	m, folder := newMenu(t), t.TempDir()
	m.fill()
	saved, text, csv := filepath.Join(folder, "a.db"), filepath.Join(folder, "b.txt"), filepath.Join(folder, "c.csv")
	m.must("backup", saved)
	for _, file := range []string{text, csv} {
		must(t, os.WriteFile(file, []byte(strings.Repeat("text ", 2000)), 0o600))
	}
	want := m.must("export")
	for args, message := range map[string]string{
		"backup " + saved:                        saved + " already exists; name another file, or replace it with --force",
		"export " + saved:                        saved + " already exists; name another file, or replace it with --force",
		"export --force " + folder:               folder + " exists and is not a regular file; name another",
		"backup --force " + m.file():             m.file() + " is the database itself, or a part of it; name another file",
		"export --force " + m.file():             m.file() + " is the database itself, or a part of it; name another file",
		"restore --replace " + m.file():          m.file() + " is the database itself, or a part of it; name another file",
		"restore " + saved:                       "the database " + m.url + " contains 2 items; restore --replace removes them first",
		"restore --replace " + text:              text + ": it is not an SQLite database",
		"restore --replace " + folder + "/no.db": folder + "/no.db cannot be read: no such file or directory",
		"backup " + folder + "/no/a.db":          folder + "/no/a.db cannot be written: no such file or directory",
		"import " + folder + "/no.csv":           folder + "/no.csv cannot be read: no such file or directory",
		"import --format=jsonl " + text:          text + " line 1: the line is not valid JSON: invalid character 'e' in literal true (expecting 'r') at byte 2",
		"restore --replace " + csv:               csv + ": it is not an SQLite database; for JSON Lines and CSV, use menu-api import",
		"import --format=xml " + text:            `--format must be one of [jsonl csv], not "xml"`,
		"import":                                 "name one file: import FILE",
	} {
		if _, err := m.run(context.Background(), strings.Fields(args)...); err == nil || err.Error() != message {
			t.Errorf("%s:\ngot  %v\nwant %s", args, err, message)
		}
	}
	if got := m.must("export"); got != want {
		t.Errorf("got\n%s\nwant the menu as it was:\n%s", got, want)
	}
	assertFolder(t, folder, "a.db", "b.txt", "c.csv")

	// Neither command creates a database that does not exist.
	none := menu{t, "sqlite:" + filepath.Join(t.TempDir(), "menu.db")}
	for _, args := range [][]string{{"export"}, {"backup", filepath.Join(folder, "none.db")}} {
		if _, err := none.run(context.Background(), args...); err == nil || !strings.Contains(err.Error(), "no such file") {
			t.Errorf("%q of no database: got %v, want an error", args, err)
		}
	}
	assertFolder(t, filepath.Dir(none.file()))
}

func TestRestoreReplaces(t *testing.T) {
	t.Parallel()
	m, saved := newMenu(t), filepath.Join(t.TempDir(), "saved.db")
	m.fill()
	m.must("backup", saved)
	before, err := os.ReadFile(saved)
	must(t, err)
	want := m.must("export")
	more := filepath.Join(t.TempDir(), "more.csv")
	must(t, os.WriteFile(more, []byte("name,price,description,image\nMore,1,,\n"), 0o600))
	m.must("import", more)
	if got := m.must("export"); got == want {
		t.Error("the import did nothing")
	}
	m.must("restore", saved, "--replace")
	if got := m.must("export"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if after, err := os.ReadFile(saved); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the backup was changed: %v", err)
	}
	assertFolder(t, filepath.Dir(saved), "saved.db")

	// A history that has only deleted items counts, too.
	if err := os.WriteFile(more, []byte(`{"change":{"id":1,"version":1,"action":"create","by":"a","at":"2026-02-28T22:59:58.123Z","before":null,"after":`+
		`{"id":1,"name":"A","price":1,"description":"","image":""}}}`+"\n"+`{"change":{"id":1,"version":2,"action":"delete","by":"a",`+
		`"at":"2026-02-28T22:59:59.123Z","before":{"id":1,"name":"A","price":1,"description":"","image":""},"after":null}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	m.must("import", more, "--replace", "--format=jsonl")
	if _, err := m.run(context.Background(), "restore", saved); err == nil || !strings.Contains(err.Error(), "the history of deleted items") {
		t.Errorf("got %v, want an error", err)
	}
}

func TestBackupWhileWritersWrite(t *testing.T) {
	t.Parallel()
	m, folder := newMenu(t), t.TempDir()
	store, err := openStoreOf(m.file())
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for ctx.Err() == nil {
				if _, err := store.Create(context.Background(), items.AuditInfo{By: "menu-api", At: time.Now()}, items.Item{Name: "Soup"}); err != nil {
					t.Errorf("Create during a backup: %v", err)
					return
				}
				time.Sleep(5 * time.Millisecond) // keeps the database small
			}
		})
	}
	t.Cleanup(func() {
		stop()
		writers.Wait()
		_ = store.Close()
	})
	for i := range 3 {
		file := filepath.Join(folder, fmt.Sprintf("%d.db", i))
		m.must("backup", file)
		db, err := sql.Open("sqlite", file)
		must(t, err)
		var verdict string
		var menu, history int
		err = errors.Join(
			db.QueryRowContext(ctx, `PRAGMA integrity_check`).Scan(&verdict),
			db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM items), (SELECT count(*) FROM changes)`).Scan(&menu, &history),
			db.Close())
		if err != nil || verdict != "ok" || menu != history {
			t.Errorf("got %q, %d items and %d changes, %v, want a consistent snapshot", verdict, menu, history, err)
		}
		newMenu(t).must("restore", file)
	}
	assertFolder(t, folder, "0.db", "1.db", "2.db")
}

func TestTransferCancelledLeavesNothing(t *testing.T) {
	t.Parallel()
	m, folder := newMenu(t), t.TempDir()
	m.fill()
	want := m.must("export")
	other := filepath.Join(t.TempDir(), "other.db")
	m.must("backup", other)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for args, message := range map[string]string{
		"export " + folder + "/a.jsonl": "stopped: no file was written",
		"backup " + folder + "/a.db":    "stopped: no file was written",
		"restore --replace " + other:    "stopped: the database was not changed",
		"import -":                      "stopped: nothing was changed",
		"export":                        "stopped: the output is not complete",
	} {
		if _, err := m.run(ctx, strings.Fields(args)...); err == nil || err.Error() != message {
			t.Errorf("%s: got %v, want %s", args, err, message)
		}
	}
	assertFolder(t, folder)
	if got := m.must("export"); got != want {
		t.Errorf("got\n%s\nwant the menu as it was:\n%s", got, want)
	}
}

// Ctrl-C in the middle of an import leaves the menu as it was.
func TestImportInterrupted(t *testing.T) {
	t.Parallel()
	m := newMenu(t)
	m.fill()
	want := m.must("export")
	command, stderr := m.command(t, "import", "-")
	input, err := command.StdinPipe()
	must(t, err)
	must(t, command.Start())
	line := `{"name":"Soup","price":1,"description":"","image":""}` + "\n"
	// This is more than all buffers hold, so the import is in progress afterwards.
	if _, err := io.WriteString(input, strings.Repeat(line, 4_000)); err != nil {
		t.Fatal(err)
	}
	must(t, command.Process.Signal(os.Interrupt))
	for err = nil; err == nil; { // until the program has noticed
		_, err = io.WriteString(input, line)
	}
	var exit *exec.ExitError
	if err := command.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 1 || stderr.String() != "menu-api: stopped: nothing was changed\n" {
		t.Errorf("got %v, %q, want exit status 1 and a line that explains it", err, stderr)
	}
	if got := m.must("export"); got != want {
		t.Errorf("got %d bytes, want the menu as it was", len(got))
	}
}

// Ctrl-C also ends an import that waits for its first input.
func TestImportInterruptedWhileItWaits(t *testing.T) {
	t.Parallel()
	m := newMenu(t)
	command, stderr := m.command(t, "import", "-")
	input, err := command.StdinPipe()
	must(t, err)
	defer func() { _ = input.Close() }()
	must(t, command.Start())
	for _, err = os.Stat(m.file() + "-wal"); err != nil; _, err = os.Stat(m.file() + "-wal") { // until it has opened the database
		time.Sleep(time.Millisecond)
	}
	must(t, command.Process.Signal(os.Interrupt))
	var exit *exec.ExitError
	if err := command.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 1 || stderr.String() != "menu-api: stopped: nothing was changed\n" {
		t.Errorf("got %v, %q, want exit status 1 and a line that explains it", err, stderr)
	}
}

// command returns a command line of the program and what that writes to standard error.
func (m menu) command(t *testing.T, args ...string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	t.Helper()
	cmd, stderr = command(t, []string{"DATABASE_URL=" + m.url}, args...), new(bytes.Buffer)
	cmd.Stderr = stderr
	return cmd, stderr
}

func TestTransferEndsWithOneLine(t *testing.T) {
	t.Parallel()
	m, folder := newMenu(t), t.TempDir()
	m.fill()
	for _, step := range []struct{ args, want string }{
		{"export " + folder + "/a.jsonl", `^exported 2 items and 5 changes in \S+\n$`},
		{"import --replace " + folder + "/a.jsonl", `^imported 2 items and 5 changes in \S+\n$`},
		{"backup " + folder + "/a.db", `^backed up \S+ to \S+ \(.+\) in \S+\n$`},
		{"restore --replace " + folder + "/a.db", `^restored 2 items and 5 changes into \S+ in \S+\n$`},
	} {
		command, stderr := m.command(t, strings.Fields(step.args)...)
		stdout, err := command.Output()
		if err != nil || len(stdout) > 0 || !regexp.MustCompile(step.want).MatchString(stderr.String()) {
			t.Errorf("%s: got %v, %q, %q, want %s", step.args, err, stdout, stderr, step.want)
		}
	}
	// The menu is not seeded.
	if got := m.must("export", "--history=false"); strings.Count(got, "\n") != 2 {
		t.Errorf("got %s, want 2 items", got)
	}
}
