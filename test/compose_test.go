package test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"menu-api/authz/authztest"
	"menu-api/config"
	"menu-api/items"
	"menu-api/items/postgres/pgtest"
)

// loadCompose loads deploy/compose.yaml as Docker Compose does, with its schema and the .env that its first lines ask for.
func loadCompose(tb testing.TB, settings ...string) (*types.Project, error) {
	tb.Helper()
	dir := tb.TempDir()
	example, err := os.ReadFile(".env.example")
	if err != nil {
		tb.Fatal(err)
	}
	compose, err := os.ReadFile("deploy/compose.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	file := filepath.Join(dir, "deploy", "compose.yaml")
	if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
		tb.Fatal(err)
	}
	for name, content := range map[string]string{file: string(compose), filepath.Join(dir, ".env"): string(example) + strings.Join(settings, "\n")} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	options, err := cli.NewProjectOptions([]string{file}, cli.WithEnvFiles(filepath.Join(dir, ".env")), cli.WithDotEnv)
	if err != nil {
		tb.Fatal(err)
	}
	return options.LoadProject(tb.Context())
}

func TestCompose(t *testing.T) {
	t.Parallel()
	project, err := loadCompose(t, "AUTH0_ISSUER_URL=tenant.eu.auth0.com", "AUTH0_AUDIENCE=menu", "POSTGRES_PASSWORD=secret",
		"PORT=1", "DATABASE_URL=sqlite:data/menu.db")
	if err != nil {
		t.Fatal(err)
	}
	one, two := project.Services["api1"], project.Services["api2"]
	two.Name = one.Name
	if !reflect.DeepEqual(one, two) {
		t.Errorf("the replicas differ:\n%+v\n%+v", one, two)
	}
	if !one.ReadOnly || len(one.Ports) != 0 || len(project.Services["database"].Ports) != 0 {
		t.Error("a replica can write to its root, or something but the proxy can be reached from outside")
	}
	for _, name := range []string{"api1", "api2"} {
		if project.Services["proxy"].DependsOn[name].Condition != types.ServiceConditionHealthy {
			t.Errorf("the proxy does not wait for %s", name)
		}
	}

	environment := func(key string) string {
		value := one.Environment[key]
		if value == nil {
			return ""
		}
		return *value
	}
	cfg, err := config.Load(config.Serve, "", environment)
	if err != nil {
		t.Fatal(err)
	}
	proxy := netip.MustParseAddr(project.Services["proxy"].Networks["default"].Ipv4Address)
	if len(cfg.TrustedProxies) != 1 || cfg.TrustedProxies[0] != netip.PrefixFrom(proxy, 32) {
		t.Errorf("TRUSTED_PROXIES is %v, want the proxy, %s, alone", cfg.TrustedProxies, proxy)
	}
	if subnet := netip.MustParsePrefix(project.Networks["default"].Ipam.Config[0].Subnet); !subnet.Contains(proxy) {
		t.Errorf("the proxy, %s, is outside of the network %s", proxy, subnet)
	}
	if cfg.Port != 7000 || cfg.Host != "" || !strings.HasPrefix(string(cfg.Database), "postgres://") || environment("PGPASSWORD") != "secret" {
		t.Errorf("got port %d, host %q, database %q: .env has changed what must be as it is", cfg.Port, cfg.Host, cfg.Database)
	}
	if grace := time.Duration(*one.StopGracePeriod); grace <= cfg.ShutdownGrace {
		t.Errorf("a replica is killed after %s, while it may take %s to stop", grace, cfg.ShutdownGrace)
	}
}

func TestComposeWithoutPassword(t *testing.T) {
	t.Parallel()
	if _, err := loadCompose(t); err == nil || !strings.Contains(err.Error(), "POSTGRES_PASSWORD") {
		t.Errorf("got %v, want an error that names POSTGRES_PASSWORD", err)
	}
}

// TestProxy runs the proxy of compose.yaml, with the Caddyfile, in front of two replicas over one PostgreSQL database.
func TestProxy(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs Caddy and PostgreSQL: left out by -short")
	}
	issuer := authztest.NewIssuer(t)
	database := pgtest.NewDatabase(t)
	replicas := []*replica{startReplica(t, issuer, database), startReplica(t, issuer, database)}
	proxy := startProxy(t, replicas)
	token := issuer.Token(t, items.Permissions()...)

	t.Run("both replicas are used, and agree", func(t *testing.T) {
		path := proxy.create(t, token)
		for range 10 {
			if status, _ := proxy.get(t, path, nil); status != http.StatusOK {
				t.Errorf("got %d, want 200", status)
			}
		}
		for _, r := range replicas {
			if !r.logs(t, `"path":"`+path+`"`) {
				t.Errorf("a replica has not seen %s", path)
			}
		}
	})

	t.Run("the proxy says who the client is, and nobody else", func(t *testing.T) {
		proxy.get(t, "/items/2", http.Header{"X-Forwarded-For": {"203.0.113.9"}})
		for _, r := range replicas {
			if !r.logs(t, `"client":"127.0.0.2"`) { // from which this test calls the proxy
				t.Error("the log of a replica does not have the client's address")
			}
			if strings.Contains(mustReadFile(t, r.file), "203.0.113.9") {
				t.Error("the log of a replica has the address that the client made up")
			}
		}
	})

	t.Run("events are not held back", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		response := proxy.do(ctx, t, http.MethodGet, "/items/events", "", http.Header{"Accept": {"text/event-stream"}})
		defer func() { _ = response.Body.Close() }()
		lines := bufio.NewScanner(response.Body)
		waitFor := func(want string) {
			t.Helper()
			for lines.Scan() {
				if lines.Text() == want {
					return
				}
			}
			t.Fatalf("the stream ended (%v) before %q", lines.Err(), want)
		}
		waitFor("event: ready")
		proxy.create(t, token)
		waitFor("event: change")
	})

	t.Run("a replica may stop", func(t *testing.T) {
		if err := replicas[0].process.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		for gone := false; !gone; {
			select {
			case <-replicas[0].ended:
				gone = true
			default:
			}
			if status, body := proxy.get(t, "/items", nil); status != http.StatusOK {
				t.Fatalf("got %d %s while a replica stops, want 200", status, body)
			}
		}
		proxy.create(t, token)
	})
}

// replica is a process that serves the API.
type replica struct {
	addr    string
	process *exec.Cmd
	ended   chan struct{}
	file    string
}

func startReplica(tb testing.TB, issuer *authztest.Issuer, database string) *replica {
	tb.Helper()
	r := &replica{addr: mustFindAddr(tb)}
	_, port, _ := net.SplitHostPort(r.addr)
	r.process, r.ended, r.file = startProcess(tb, os.Args[0],
		asProgram+"=1", "GOCOVERDIR="+os.Getenv("GOCOVERDIR"),
		"HOST=127.0.0.1", "PORT="+port, "DATABASE_URL="+database, "TRUSTED_PROXIES=127.0.0.1",
		"AUTH0_ISSUER_URL="+issuer.URL, "AUTH0_AUDIENCE="+authztest.Audience)
	mustAnswer(tb, "http://"+r.addr+"/readyz", r.ended, r.file)
	return r
}

// logs reports whether the text is in the replica's log. A line may wait there for others for a moment.
func (r *replica) logs(tb testing.TB, text string) bool {
	tb.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if found := strings.Contains(mustReadFile(tb, r.file), text); found || time.Now().After(deadline) {
			return found
		}
	}
}

// proxied is a client of a running proxy.
type proxied struct {
	url    string
	client *http.Client
	log    string // the name of a file
}

func startProxy(tb testing.TB, replicas []*replica) proxied {
	tb.Helper()
	caddy, err := exec.LookPath("caddy")
	if err != nil {
		caddy, err = filepath.Abs("bin/caddy/usr/bin/caddy")
	}
	if err == nil {
		_, err = os.Stat(caddy)
	}
	if err != nil {
		tb.Fatal("Caddy is not installed: run `make test`, which gets it, or set PATH")
	}
	addr := mustFindAddr(tb)
	home := tb.TempDir()
	_, ended, log := startProcess(tb, caddy+" run --config deploy/Caddyfile --adapter caddyfile",
		"HOME="+home, "SITE=http://"+addr, "REPLICAS="+replicas[0].addr+" "+replicas[1].addr)
	// Calls come from another address than the proxy's own, which the replicas trust.
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	p := proxied{"http://" + addr, &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext}}, log}
	tb.Cleanup(p.client.CloseIdleConnections)
	mustAnswer(tb, p.url+"/readyz", ended, log)
	return p
}

func (p proxied) do(ctx context.Context, tb testing.TB, method, path, body string, header http.Header) *http.Response {
	tb.Helper()
	request, err := http.NewRequestWithContext(ctx, method, p.url+path, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	request.Header = header
	response, err := p.client.Do(request)
	if err != nil {
		tb.Fatal(err)
	}
	return response
}

func (p proxied) get(tb testing.TB, path string, header http.Header) (status int, body string) {
	tb.Helper()
	response := p.do(tb.Context(), tb, http.MethodGet, path, "", header)
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return response.StatusCode, string(content)
}

// create adds an item and returns its path.
func (p proxied) create(tb testing.TB, token string) string {
	tb.Helper()
	response := p.do(tb.Context(), tb, http.MethodPost, "/items", `{"item":{"name":"Soup","price":4.5,"description":"","image":""}}`,
		http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}})
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusCreated {
		tb.Fatalf("got %s, want 201\n%s", response.Status, mustReadFile(tb, p.log))
	}
	return response.Header.Get("Location")
}

// startProcess starts a program and returns it, what is closed when it has ended, and the name of the file that its output
// goes to. It ends with the test.
func startProcess(tb testing.TB, command string, env ...string) (*exec.Cmd, chan struct{}, string) {
	tb.Helper()
	log := filepath.Join(tb.TempDir(), "log")
	file, err := os.Create(log)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	words := strings.Fields(command)
	process := exec.CommandContext(context.WithoutCancel(tb.Context()), words[0], words[1:]...)
	process.Env = slices.Concat([]string{"PATH=" + os.Getenv("PATH")}, env)
	process.Stdout, process.Stderr = file, file
	if err := process.Start(); err != nil {
		tb.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = process.Wait()
	}()
	tb.Cleanup(func() {
		_ = process.Process.Kill() // after an orderly stop there is nothing to kill
		<-ended
	})
	return process, ended, log
}

// mustAnswer waits until the URL is answered with 200.
func mustAnswer(tb testing.TB, url string, ended chan struct{}, log string) {
	tb.Helper()
	deadline := time.After(time.Minute)
	for {
		request, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			tb.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
			err = fmt.Errorf("it answers %s", response.Status)
		}
		select {
		case <-ended:
			tb.Fatalf("%s: the process ended\n%s", url, mustReadFile(tb, log))
		case <-deadline:
			tb.Fatalf("%s: %v\n%s", url, err, mustReadFile(tb, log))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func mustReadFile(tb testing.TB, name string) string {
	tb.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	return string(content)
}

func mustFindAddr(tb testing.TB) string {
	tb.Helper()
	listener, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}
