//go:build soak && unix

package pgtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Cluster is three members, each with a PostgreSQL server under Patroni. They choose the leader in etcd. A commit waits for a
// standby, and only a standby with all commits may become the leader.
type Cluster struct{ members []*member }

// member is one Patroni with the PostgreSQL that it starts in the folder data.
type member struct {
	name, folder string
	port, api    int
	start        func() error
	process      *exec.Cmd
}

// TTL is how many seconds the members wait for a leader that does not respond. Patroni's default is 30.
const TTL = 10

// patroniConfig is in the syntax of YAML. A member that was killed comes back with pg_rewind, which needs checksums.
//
//nolint:dupword // "all" is a database and a role
const patroniConfig = `
scope: menu
name: %[1]s
restapi: {listen: '127.0.0.1:%[2]d', connect_address: '127.0.0.1:%[2]d'}
etcd3: {host: '127.0.0.1:%[3]d'}
bootstrap:
  dcs:
    ttl: %[4]d
    loop_wait: 2
    retry_timeout: 3
    synchronous_mode: true
    synchronous_mode_strict: true
    postgresql:
      use_pg_rewind: true
      parameters: {max_connections: 50}
  initdb: [{encoding: UTF8}, {locale: C.UTF-8}, data-checksums]
  pg_hba: [host all all 127.0.0.1/32 trust, host replication all 127.0.0.1/32 trust]
postgresql:
  listen: 127.0.0.1:%[5]d
  connect_address: 127.0.0.1:%[5]d
  data_dir: %[6]s/data
  bin_dir: %[7]s
  pgpass: %[6]s/pgpass
  authentication: {superuser: {username: postgres}, replication: {username: replicator}}
  parameters: {unix_socket_directories: '', dynamic_shared_memory_type: mmap}
`

// StartCluster starts a cluster that is removed after the test.
func StartCluster(tb testing.TB) *Cluster {
	tb.Helper()
	for _, program := range []string{"patroni", "etcd"} {
		if _, err := exec.LookPath(program); err != nil {
			tb.Fatal("the test needs Patroni and etcd: apt-get install -y patroni etcd-server python3-etcd")
		}
	}
	found, err := findPrograms()
	must(tb, err)
	control, err := found.other("pg_controldata") // in the folder of all programs
	must(tb, err)
	clients, peers := mustFreePort(tb), mustFreePort(tb)
	clientURL, peerURL := fmt.Sprint("http://127.0.0.1:", clients), fmt.Sprint("http://127.0.0.1:", peers)
	etcd := &member{name: "etcd"}
	etcd.settle(tb, "etcd", "--data-dir=etcd", "--listen-client-urls="+clientURL, "--advertise-client-urls="+clientURL,
		"--listen-peer-urls="+peerURL, "--initial-advertise-peer-urls="+peerURL, "--initial-cluster=default="+peerURL)
	must(tb, etcd.start())
	c := &Cluster{}
	for i := range 3 {
		m := &member{name: fmt.Sprint("member", i), port: mustFreePort(tb), api: mustFreePort(tb)}
		m.settle(tb, "patroni", "config.yml")
		config := fmt.Sprintf(patroniConfig, m.name, m.api, clients, TTL, m.port, m.folder, filepath.Dir(control))
		must(tb, os.WriteFile(filepath.Join(m.folder, "config.yml"), []byte(config), 0o644)) //nolint:gosec // another account reads it
		must(tb, m.start())
		c.members = append(c.members, m)
	}
	c.Leader(tb)
	return c
}

// settle creates the folder of a program, in which start runs it.
func (m *member) settle(tb testing.TB, program string, args ...string) {
	tb.Helper()
	as, err := account()
	must(tb, err)
	m.folder, err = os.MkdirTemp("", "menu-"+m.name+"-") //nolint:usetesting // another account enters it
	must(tb, err)
	if as != nil {
		must(tb, os.Chown(m.folder, int(as.Uid), int(as.Gid)))
	}
	keeper, err := newKeeper(m.folder, as)
	must(tb, err)
	m.start = func() error {
		log, err := os.OpenFile(filepath.Join(m.folder, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer func() { _ = log.Close() }()
		m.process = command(m.folder, as, program, args...)
		m.process.Stdout, m.process.Stderr = log, log
		if err := m.process.Start(); err != nil {
			return err
		}
		keeper.watch(m.process.Process.Pid)
		go func() { _ = m.process.Wait() }()
		return nil
	}
	tb.Cleanup(func() {
		if tb.Failed() {
			log, _ := os.ReadFile(filepath.Join(m.folder, "log"))
			tb.Logf("the end of the log of %s:\n%s", m.name, log[max(0, len(log)-4096):])
		}
		keeper.finish()
		_ = os.RemoveAll(m.folder)
	})
}

// kill ends Patroni and all processes of its server at once, as a power failure does.
func (m *member) kill() {
	_ = m.process.Process.Kill()
	text, err := os.ReadFile(filepath.Join(m.folder, "data", "postmaster.pid"))
	if err != nil {
		return // PostgreSQL does not run
	}
	first, _, _ := strings.Cut(string(text), "\n")
	postmaster, err := strconv.Atoi(first)
	if err != nil {
		return
	}
	send(syscall.SIGSTOP, []int{postmaster}) // so that it starts no more
	all, _ := children(postmaster)
	send(syscall.SIGKILL, append(all, postmaster))
}

// URL names the database postgres on all members. Its clients find the leader.
func (c *Cluster) URL() string {
	var hosts []string
	for _, m := range c.members {
		hosts = append(hosts, fmt.Sprint("127.0.0.1:", m.port))
	}
	return "postgres://postgres@" + strings.Join(hosts, ",") + "/postgres?sslmode=disable&target_session_attrs=read-write"
}

// Leader returns the leader when all members run and a commit can wait for a standby.
func (c *Cluster) Leader(tb testing.TB) int {
	tb.Helper()
	var state string
	for deadline := time.Now().Add(3 * timeout); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		for _, m := range c.members {
			var leader int
			if leader, state = m.askLeader(); leader >= 0 {
				return leader
			}
		}
	}
	tb.Fatalf("the cluster is not complete: %s", state)
	return 0
}

// askLeader returns the leader if the member sees a complete cluster, or -1, and what it sees.
func (m *member) askLeader() (leader int, state string) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/cluster", m.api), nil)
	if err != nil {
		return -1, err.Error()
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return -1, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	var seen struct {
		Members []struct{ Name, Role, State string }
	}
	if err := json.NewDecoder(response.Body).Decode(&seen); err != nil {
		return -1, err.Error()
	}
	leader = -1
	running, standbys := 0, 0
	for _, other := range seen.Members {
		if other.State == "running" || other.State == "streaming" {
			running++
		}
		switch other.Role {
		case "leader":
			leader, _ = strconv.Atoi(strings.TrimPrefix(other.Name, "member"))
		case "sync_standby":
			standbys++
		}
	}
	if running < 3 || standbys == 0 {
		leader = -1
	}
	return leader, fmt.Sprint(seen.Members)
}

// Kill ends a member at once. Start brings it back.
func (c *Cluster) Kill(i int) { c.members[i].kill() }

// Start starts a member that was killed.
func (c *Cluster) Start(tb testing.TB, i int) {
	tb.Helper()
	must(tb, c.members[i].start())
}

func mustFreePort(tb testing.TB) int {
	tb.Helper()
	port, err := freePort()
	must(tb, err)
	return port
}
