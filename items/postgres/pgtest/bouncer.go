//go:build unix

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
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

var errNoBouncer = errors.New("PgBouncer is not installed: apt-get install -y pgbouncer")

// NewPooledDatabase is NewDatabase behind PgBouncer.
func NewPooledDatabase(tb testing.TB) string {
	tb.Helper()
	return Pooled(tb, NewDatabase(tb))
}

// Pooled returns the URL of a database of NewDatabase behind a PgBouncer in transaction mode: each transaction may use another
// connection, so nothing that belongs to a session works.
func Pooled(tb testing.TB, direct string) string {
	tb.Helper()
	database, err := url.Parse(direct)
	if err != nil {
		tb.Fatal(err)
	}
	pooler, err := sharedBouncer()
	if err != nil {
		tb.Fatal(err)
	}
	database.Host, database.User, database.RawQuery = pooler.address, url.User("menu"), "sslmode=disable"
	return database.String()
}

// bouncer is a running PgBouncer. It holds the keeper, because the garbage collector would close a keeper without a reference.
type bouncer struct {
	address string
	keeper  *keeper
}

// sharedBouncer starts the PgBouncer that the tests of this process share, before their shared server.
var sharedBouncer = sync.OnceValues(startBouncer)

func startBouncer() (*bouncer, error) {
	server, err := sharedURL()
	if err != nil {
		return nil, err
	}
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/pgbouncer"); err != nil {
			return nil, errNoBouncer
		}
	}
	as, err := account()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "menu-pgbouncer-")
	if err != nil {
		return nil, err
	}
	keeper, err := newKeeper(folder, as)
	if err != nil {
		return nil, err
	}
	for range 10 { // another program may take the port
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		if err := configureBouncer(folder, server, port, as); err != nil {
			return nil, err
		}
		cmd := command(folder, as, program, filepath.Join(folder, "pgbouncer.ini"))
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		keeper.watch(cmd.Process.Pid)
		ended := make(chan struct{})
		go func() { _ = cmd.Wait(); close(ended) }()
		address := fmt.Sprint("127.0.0.1:", port)
		if listens(address, ended) {
			return &bouncer{address, keeper}, nil
		}
	}
	log, _ := os.ReadFile(filepath.Join(folder, "log")) //nolint:gosec // of this package
	return nil, fmt.Errorf("PgBouncer does not start: %s", log)
}

// configureBouncer lets every client in, as one user of the server. It has fewer connections than clients, so a client seldom
// gets the same connection twice.
func configureBouncer(folder, server string, port int, as *syscall.Credential) error {
	config, err := pgx.ParseConfig(server)
	if err != nil {
		return err
	}
	login := "user=" + config.User
	if config.Password != "" {
		login += " password='" + strings.ReplaceAll(config.Password, "'", "''") + "'"
	}
	settings := fmt.Sprintf(`[databases]
* = host=%s port=%d %s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_client_conn = 1000
server_tls_sslmode = prefer
logfile = log
`, config.Host, config.Port, login, port)
	file := filepath.Join(folder, "pgbouncer.ini")
	err = os.WriteFile(file, []byte(settings), 0o600)
	if as != nil {
		err = errors.Join(err, os.Chown(folder, int(as.Uid), int(as.Gid)), os.Chown(file, int(as.Uid), int(as.Gid)))
	}
	return err
}

// listens reports whether the process accepts connections at the address. If another program has taken the port, the process ends.
func listens(address string, ended <-chan struct{}) bool {
	for deadline := time.Now().Add(timeout); time.Now().Before(deadline); {
		select {
		case <-ended:
			return false
		case <-time.After(10 * time.Millisecond):
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		cancel()
		if err == nil {
			_ = conn.Close()
			select {
			case <-ended:
				return false
			case <-time.After(time.Second):
				return true
			}
		}
	}
	return false
}
