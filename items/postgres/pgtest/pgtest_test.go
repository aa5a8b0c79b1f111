//go:build external

package pgtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func mustConnect(tb testing.TB, database string) *pgx.Conn {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		tb.Fatalf("Connect(%s): %v", database, err)
	}
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func mustExecute(tb testing.TB, database, statement string) {
	tb.Helper()
	if err := execute(database, statement); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}

func mustQuery(tb testing.TB, conn *pgx.Conn, query string) string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	var got string
	if err := conn.QueryRow(ctx, query).Scan(&got); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	return got
}

func assertQuery(tb testing.TB, database, query, want string) {
	tb.Helper()
	if got := mustQuery(tb, mustConnect(tb, database), query); got != want {
		tb.Errorf("%s: got %q, want %q", query, got, want)
	}
}

func TestDatabasesAreSeparate(t *testing.T) {
	t.Parallel()
	one, other := NewDatabase(t), NewDatabase(t)
	mustExecute(t, one, "CREATE TABLE dishes (name text)")
	mustExecute(t, other, "CREATE TABLE dishes (name text)")
	mustExecute(t, one, "INSERT INTO dishes VALUES ('Soup')")
	assertQuery(t, one, "SELECT count(*)::text FROM dishes", "1")
	assertQuery(t, other, "SELECT count(*)::text FROM dishes", "0")
}

func TestDatabasesAreMadeInParallel(t *testing.T) {
	t.Parallel()
	server := Start(t).URL()
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() {
			_, database, err := create(server, "template0")
			if err == nil {
				err = execute(database, "CREATE TABLE dishes (name text)") // would clash in a common one
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func TestDatabaseIsDroppedAfterTheTest(t *testing.T) {
	t.Parallel()
	var database string
	t.Run("of a test", func(t *testing.T) {
		database = NewDatabase(t)
		conn, err := pgx.Connect(context.Background(), database) // and it stays connected
		if err != nil {
			t.Fatal(err)
		}
		_ = conn
	})
	if err := execute(database, "SELECT 1"); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("got %v, want that it does not exist", err)
	}
}

func TestOnlyURLsAreTaken(t *testing.T) {
	t.Parallel()
	for _, server := range []string{"host=localhost password=secret", "mysql://localhost", "postgres://\x7f:secret@localhost"} {
		_, _, err := create(server, "template0")
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("create(%q): got %v, want an error without the password", server, err)
		}
	}
}

func TestServerKeepsItsData(t *testing.T) {
	t.Parallel()
	s := Start(t, "max_connections=10")
	assertQuery(t, s.URL(), "SHOW max_connections", "10")
	assertQuery(t, s.URL(), "SHOW fsync", "on")
	assertQuery(t, s.URL(), "SHOW server_encoding", "UTF8")
	database := s.NewDatabase(t)
	mustExecute(t, database, "CREATE TABLE dishes (name text)")
	for _, again := range []struct {
		name string
		do   func()
	}{
		{"Kill", func() { s.Kill(t); s.Start(t) }},
		{"Stop", func() { s.Stop(t); s.Start(t) }},
		{"Restart", func() { s.Restart(t) }},
		{"Kill while paused", func() { s.Pause(t); s.Kill(t); s.Start(t) }},
		{"Stop while paused", func() { s.Pause(t); s.Restart(t) }},
	} {
		open := mustConnect(t, database)
		mustExecute(t, database, "INSERT INTO dishes VALUES ('"+again.name+"')")
		again.do()
		assertQuery(t, database, "SELECT name FROM dishes OFFSET (SELECT count(*) - 1 FROM dishes)", again.name)
		if err := open.Ping(context.Background()); err == nil {
			t.Errorf("%s: a connection has survived", again.name)
		}
	}
	assertQuery(t, database, "SELECT count(*)::text FROM dishes", "5")
}

// A busy backend does not notice that its postmaster has ended.
func TestKillEndsBusyBackends(t *testing.T) {
	t.Parallel()
	s := Start(t)
	conn := mustConnect(t, s.URL())
	failed := make(chan error, 1)
	go func() {
		_, err := conn.Exec(context.Background(), "DO 'BEGIN LOOP END LOOP; END'")
		failed <- err
	}()
	time.Sleep(100 * time.Millisecond)
	pids, err := children(s.running.cmd.Process.Pid)
	if err != nil || len(pids) < 4 {
		t.Fatalf("got children %v, %v, want the backend and some more", pids, err)
	}
	s.Kill(t)
	if err := <-failed; err == nil {
		t.Error("the statement has succeeded")
	}
	if err := execute(s.URL(), "SELECT 1"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, want that nobody listens", err)
	}
}

func TestPausedServerDoesNotAnswer(t *testing.T) {
	t.Parallel()
	s := Start(t)
	conn := mustConnect(t, s.URL())
	s.Pause(t)
	answer := make(chan error, 2)
	go func() { answer <- conn.Ping(context.Background()) }()
	go func() { answer <- execute(s.URL(), "SELECT 1") }()
	select {
	case err := <-answer:
		t.Errorf("got an answer, %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	s.Resume(t)
	for range 2 {
		if err := <-answer; err != nil {
			t.Error(err)
		}
	}
}

func TestServerTakesAnotherPort(t *testing.T) {
	t.Parallel()
	s := Start(t)
	s.Stop(t)
	listener, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", s.port))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.launch(); !errors.Is(err, errPortTaken) {
		t.Errorf("got %v, want %v", err, errPortTaken)
	}
	time.AfterFunc(300*time.Millisecond, func() { _ = listener.Close() })
	s.Start(t)
	mustConnect(t, s.URL())
}

func TestServerThatCannotStart(t *testing.T) {
	t.Parallel()
	_, err := newServer([]string{"max_connections=many"})
	if err == nil || !strings.Contains(err.Error(), "max_connections") {
		t.Errorf("got %v, want the server's own words", err)
	}
}

// asVictim makes the test binary start servers and wait until it is killed.
const asVictim = "PGTEST_AS_VICTIM"

// A frozen server does not react to most signals, and one that was killed leaves shared memory behind.
func TestNothingOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	if os.Getenv(asVictim) != "" {
		NewDatabase(t)
		server, err := shared()
		if err != nil {
			t.Fatal(err)
		}
		frozen, killed := Start(t), Start(t)
		frozen.Pause(t)
		killed.Kill(t)
		fmt.Println("folders", server.folder, frozen.folder, killed.folder) //nolint:forbidigo // for who started this
		select {}
	}
	victim := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	victim.Env = append(os.Environ(), asVictim+"=1", urlVariable+"=")
	victim.Stderr = os.Stderr
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	var folders []string
	for lines := bufio.NewScanner(out); len(folders) == 0 && lines.Scan(); {
		if list, found := strings.CutPrefix(lines.Text(), "folders "); found {
			folders = strings.Fields(list)
		}
	}
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = victim.Wait()
	if len(folders) != 3 {
		t.Fatalf("got folders %q, want 3", folders)
	}
	for deadline := time.Now().Add(timeout); ; time.Sleep(50 * time.Millisecond) {
		left := leftovers(t, folders)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left: %q", left)
		}
	}
}

// leftovers returns the folders that exist, and the processes that were started with them.
func leftovers(tb testing.TB, folders []string) []string {
	tb.Helper()
	var left []string
	for _, folder := range folders {
		if _, err := os.Stat(folder); err == nil {
			left = append(left, folder)
		}
	}
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		tb.Fatal(err)
	}
	for _, file := range commands {
		command, _ := os.ReadFile(file)
		for _, folder := range folders {
			if strings.Contains(string(command), folder) {
				left = append(left, string(command))
			}
		}
	}
	return left
}

// If another process listens on the port, the server ends, and listens must not take the other process for it.
func TestListensIsOfTheProcess(t *testing.T) {
	t.Parallel()
	others, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = others.Close() }()
	ended := make(chan struct{})
	time.AfterFunc(50*time.Millisecond, func() { close(ended) })
	if listens(others.Addr().String(), ended) {
		t.Error("got true, want false: the process has ended")
	}
	if !listens(others.Addr().String(), nil) {
		t.Error("got false, want true: the process is running")
	}
}
