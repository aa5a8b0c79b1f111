//go:build linux

package sqlite_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"menu-api/items"
	"menu-api/items/schema"
	"menu-api/items/sqlite"
	"menu-api/items/storetest"
)

// asTenant is the variable that makes the test binary run one test, in a process with its own mounts and limits.
const asTenant = "MENU_API_TEST_DISK"

// inNamespace runs the test again in a process with its own mounts, in a user namespace so that it need not be root. It
// reports whether this is the outer process, which then has nothing to do. A container may forbid such a process; then only
// TestFileTooLarge and TestReadOnlyFile run.
func inNamespace(t *testing.T) (outer bool) {
	t.Helper()
	if os.Getenv(asTenant) == t.Name() {
		return false
	}
	command := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	command.Env = append(os.Environ(), asTenant+"="+t.Name())
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := command.CombinedOutput()
	if err != nil && len(out) == 0 { // root may do it without a user namespace, where those are forbidden
		command = exec.Command(command.Path, command.Args[1:]...)
		command.Env = append(os.Environ(), asTenant+"="+t.Name())
		command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
		out, err = command.CombinedOutput()
	}
	switch {
	case err != nil && len(out) == 0:
		t.Skipf("a process cannot have its own mounts here (%v): TestFileTooLarge and TestReadOnlyFile still run", err)
	case err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()):
		t.Errorf("%v\n%s", err, out)
	}
	return true
}

// mountDisk mounts a disk of the size for this process only and returns its folder.
func mountDisk(t *testing.T, size string) string {
	t.Helper()
	folder := t.TempDir()
	if err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("disk", folder, "tmpfs", 0, "size="+size); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(folder, syscall.MNT_DETACH) })
	return folder
}

// fillUp writes from several goroutines until writes fail, and returns the items that were written.
func fillUp(t *testing.T, store items.Store) (kept []items.Item) {
	t.Helper()
	var mu sync.Mutex
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for failed := 0; failed < 3; {
				created, err := store.Create(context.Background(), items.AuditInfo{By: "a", At: time.Now()}, items.Item{Name: "Soup", Description: strings.Repeat("x", 20_000)})
				mu.Lock()
				switch {
				case err == nil:
					kept = append(kept, created)
				case !errors.Is(err, items.ErrUnavailable):
					t.Errorf("got error %v, want ErrUnavailable", err)
					failed = 3
				default:
					failed++
				}
				mu.Unlock()
			}
		})
	}
	writers.Wait()
	return kept
}

// assertKept checks that the store and its history contain exactly the acknowledged writes.
func assertKept(t *testing.T, store items.Store, kept []items.Item) {
	t.Helper()
	menu, err := store.List(context.Background(), items.Query{})
	if err != nil || len(menu) != len(kept) || len(kept) == 0 {
		t.Errorf("got %d items, %v, want the %d that were acknowledged", len(menu), err, len(kept))
	}
	for _, item := range kept {
		changes, err := store.History(context.Background(), item.ID, 0, 10)
		if err != nil || len(changes) != 1 {
			t.Errorf("item %d: got %d changes, %v, want 1", item.ID, len(changes), err)
		}
	}
}

// On a full disk, writes fail and nothing is lost. Reads continue, and writes succeed again when there is room.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	if inNamespace(t) {
		return
	}
	folder := mountDisk(t, "8m")
	ballast := filepath.Join(folder, "ballast")
	mustWrite(t, ballast, strings.Repeat("x", 3<<20))
	file := filepath.Join(folder, "menu.db")
	store := mustOpen(t, file)
	kept := fillUp(t, store)
	assertKept(t, store, kept)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	created, err := store.Create(context.Background(), items.AuditInfo{}, items.Item{Name: "After"})
	if err != nil {
		t.Fatalf("Create when there is room again: %v", err)
	}
	kept = append(kept, created)
	if err := store.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	assertKept(t, mustOpen(t, file), kept) // which looks at every page
}

// A file that must not grow, because of a quota or a limit of the process, is like a full disk.
func TestFileTooLarge(t *testing.T) {
	t.Parallel()
	if os.Getenv(asTenant) != t.Name() {
		command := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		command.Env = append(os.Environ(), asTenant+"="+t.Name())
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	signal.Ignore(syscall.SIGXFSZ) // as the Go runtime does not: the write fails instead
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	limit := func(size uint64) {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: before.Max}); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "menu.db")
	store := mustOpen(t, file)
	limit(1 << 20)
	kept := fillUp(t, store)
	assertKept(t, store, kept)
	limit(before.Cur)
	if _, err := store.Create(context.Background(), items.AuditInfo{}, items.Item{Name: "After"}); err != nil {
		t.Fatalf("Create when there is room again: %v", err)
	}
	_ = store.Close()
	if menu, err := mustOpen(t, file).List(context.Background(), items.Query{}); err != nil || len(menu) != len(kept)+1 {
		t.Errorf("got %d items, %v, want %d", len(menu), err, len(kept)+1)
	}
}

// A database that cannot be written stops the start, with an error that says what to check.
func TestReadOnlyDisk(t *testing.T) {
	t.Parallel()
	if inNamespace(t) {
		return
	}
	folder := mountDisk(t, "8m")
	file := filepath.Join(folder, "menu.db")
	fill(t, file)
	if err := syscall.Mount("disk", folder, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{file: "it cannot be opened for writing", filepath.Join(folder, "new.db"): "it cannot be opened for writing", filepath.Join(folder, "new", "menu.db"): "its folder cannot be created"} {
		store, err := sqlite.Open(context.Background(), name)
		if err == nil {
			_ = store.Close()
			t.Errorf("%s: got no error", name)
		} else if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got error %q, want one line that says %q", name, err, want)
		}
	}
	if err := syscall.Mount("disk", folder, "tmpfs", syscall.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	if menu, err := mustOpen(t, file).List(context.Background(), items.Query{}); err != nil || len(menu) != 40 {
		t.Errorf("got %d items, %v, want the 40 of before", len(menu), err)
	}
}

// A file and a folder of another user stop the start like a read-only disk. Root can write them anyway, so the test does not
// run as root.
func TestReadOnlyFile(t *testing.T) {
	t.Parallel()
	if os.Getenv(asTenant) != t.Name() {
		folder := t.TempDir()
		program := filepath.Join(folder, "program")
		mustCopy(t, os.Args[0], program)
		for _, dir := range []string{folder, filepath.Dir(folder)} { // another user has to get to it
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		file := filepath.Join(folder, "menu.db")
		fill(t, file)
		// As after a kill: a file with a WAL that belongs to it.
		killed := filepath.Join(folder, "wal.db")
		store := mustOpen(t, killed)
		mustCreate(t, store, "Soup")
		wal := mustRead(t, killed+"-wal")
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		mustWrite(t, killed+"-wal", wal)
		if err := errors.Join(os.Chmod(killed, 0o444), os.Chmod(killed+"-wal", 0o444), os.Chmod(file, 0o444), os.Chmod(folder, 0o555)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(folder, 0o700) })
		command := exec.Command(program, "-test.run=^"+t.Name()+"$", "-test.v")
		command.Dir = "/"
		command.Env = append(os.Environ(), asTenant+"="+t.Name(), "FILE="+file)
		if os.Getuid() == 0 {
			command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
		if out, err := command.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	file := os.Getenv("FILE")
	// What only reads works without a WAL.
	store, err := sqlite.OpenWith(context.Background(), file, sqlite.Options{Use: schema.Read})
	if err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(t.TempDir(), "backup.db")
	mustWrite(t, backup, "")
	if err := store.Backup(context.Background(), backup); err != nil {
		t.Errorf("Backup: %v", err)
	}
	if got, want := storetest.MustExport(t, mustOpen(t, backup)), storetest.MustExport(t, store); got != want || got == "" {
		t.Errorf("got a backup with %s, want %s", got, want)
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
	withWAL := filepath.Join(filepath.Dir(file), "wal.db")
	if _, err := sqlite.OpenWith(context.Background(), withWAL, sqlite.Options{Use: schema.Read}); err == nil || !strings.Contains(err.Error(), "copy "+withWAL) {
		t.Errorf("with a WAL: got %v, want an error that says what to copy", err)
	}
	for _, name := range []string{file, filepath.Join(filepath.Dir(file), "new.db")} {
		store, err := sqlite.Open(context.Background(), name)
		if err == nil {
			_ = store.Close()
			t.Errorf("%s: got no error", name)
		} else if !strings.Contains(err.Error(), "it cannot be opened for writing") || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got error %q, want one that says so", name, err)
		}
	}
}

func mustCopy(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, content, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}
