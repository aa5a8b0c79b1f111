package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"menu-api/items"
	"menu-api/items/sqlite"
)

// A file that is deleted or replaced while it is open takes no more writes, and the store reports it.
func TestReplacedFile(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not let a program replace a file that is open")
	}
	backup := filepath.Join(t.TempDir(), "backup.db")
	mustWrite(t, backup, "")
	if err := mustOpen(t, filepath.Join(t.TempDir(), "menu.db")).Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	for name, replace := range map[string]func(file string) error{
		"deleted":            os.Remove,
		"replaced by a copy": func(file string) error { return os.Rename(backup, file) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "menu.db")
			store := mustOpen(t, file)
			mustCreate(t, store, "Before")
			watched := make(chan error, 1)
			go func() { watched <- store.Watch(context.Background()) }()
			if err := replace(file); err != nil {
				t.Fatal(err)
			}
			if _, err := store.Create(t.Context(), items.AuditInfo{At: time.Now()}, items.Item{Name: "After"}); !errors.Is(err, sqlite.ErrReplaced) || !errors.Is(err, items.ErrUnavailable) {
				t.Errorf("Create: got %v, want ErrReplaced", err)
			}
			if err := store.Ping(t.Context()); !errors.Is(err, sqlite.ErrReplaced) {
				t.Errorf("Ping: got %v, want ErrReplaced", err)
			}
			if err := <-watched; !errors.Is(err, sqlite.ErrReplaced) || !strings.Contains(err.Error(), file) {
				t.Errorf("Watch: got %v, want ErrReplaced and the name of the file", err)
			}
			if err := store.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			// The WAL of the old file is still there. The next start neither uses nor deletes it.
			before := mustStat(t, file+"-wal").Size()
			if _, err := sqlite.Open(t.Context(), file); err == nil || !strings.Contains(err.Error(), "write-ahead log") || !strings.Contains(err.Error(), "delete "+file+"-wal") {
				t.Errorf("Open: got %v, want an error that says what to do with the WAL", err)
			}
			if after := mustStat(t, file+"-wal").Size(); before == 0 || after != before {
				t.Errorf("got a WAL of %d bytes after and %d before, want the same", after, before)
			}
		})
	}
}

// The WAL of a server that was killed is recovered if it belongs to the file, and never written into another file.
func TestLeftWAL(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	running := filepath.Join(folder, "menu.db")
	store := mustOpen(t, running)
	backup := filepath.Join(folder, "backup.db")
	mustWrite(t, backup, "")
	if err := store.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	mustCreate(t, store, "After the backup")
	wal := mustRead(t, running+"-wal")

	// As after a kill: the file and its WAL stay, and no process has them open.
	killed := func(t *testing.T) string {
		file := filepath.Join(t.TempDir(), "menu.db")
		if err := mustOpen(t, file).Close(); err != nil { // a file with its own number
			t.Fatal(err)
		}
		return file
	}
	tests := map[string]struct {
		put  func(t *testing.T, file string) // what is under the name of the file
		want string                          // of the error
	}{
		"a backup moved over the file": {func(t *testing.T, file string) {
			if err := os.Rename(mustCopyFile(t, backup), file); err != nil {
				t.Fatal(err)
			}
		}, "belongs to another file"},
		"a backup copied over the file": {func(t *testing.T, file string) { mustWrite(t, file, mustRead(t, backup)) }, "belongs to another file"},
		"another database":              {func(t *testing.T, file string) { mustWrite(t, file, mustRead(t, killed(t))) }, "belongs to another file"},
		"no file": {func(t *testing.T, file string) {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}, "is missing"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := killed(t)
			test.put(t, file)
			mustWrite(t, file+"-wal", wal)
			if _, err := sqlite.Open(t.Context(), file); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error that says %q", err, test.want)
			}
			if err := os.Remove(file + "-wal"); err != nil {
				t.Fatal(err)
			}
			mustOpen(t, file)
		})
	}
}

// A start after a crash says how much of the WAL it has recovered, and warns if the WAL was cut off.
func TestRecoveryIsReported(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cut  int64 // bytes that the WAL loses
		want string
	}{
		"a complete WAL":    {0, "was recovered"},
		"a WAL that is cut": {5000, "was cut off"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			running := filepath.Join(t.TempDir(), "menu.db")
			store := mustOpen(t, running)
			for range 5 {
				mustCreate(t, store, "Soup")
			}
			wal := mustRead(t, running+"-wal")
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}
			mustWrite(t, running+"-wal", wal[:int64(len(wal))-test.cut]) // as after a kill
			var log bytes.Buffer
			store, err := sqlite.OpenWith(t.Context(), running, sqlite.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(log.String(), test.want) || !strings.Contains(log.String(), "recovered=") {
				t.Errorf("got the log %q, want one that says %q", &log, test.want)
			}
		})
	}
}

func mustCreate(tb testing.TB, store items.Store, name string) {
	tb.Helper()
	if _, err := store.Create(tb.Context(), items.AuditInfo{At: time.Now()}, items.Item{Name: name}); err != nil {
		tb.Fatal(err)
	}
}

func mustStat(tb testing.TB, file string) os.FileInfo {
	tb.Helper()
	info, err := os.Stat(file)
	if err != nil {
		tb.Fatal(err)
	}
	return info
}

func mustRead(tb testing.TB, file string) string {
	tb.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	return string(content)
}

func mustCopyFile(tb testing.TB, file string) string {
	tb.Helper()
	name := filepath.Join(tb.TempDir(), "copy")
	mustWrite(tb, name, mustRead(tb, file))
	return name
}
