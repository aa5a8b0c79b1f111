package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is a running program that is measured.
type server struct {
	name  string
	url   string
	list  string // path of the list
	one   string // path of one item
	token string
	admin string        // URL of the metrics and profiles, "" without
	start time.Duration // from the start of the process to its first response
	cmd   *exec.Cmd
}

// launch starts a program and waits until it responds.
func launch(ctx context.Context, name, list string, cmd *exec.Cmd, port int, logFile string) (*server, error) {
	out, err := os.Create(logFile)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()
	cmd.Stdout, cmd.Stderr = out, out
	s := &server{name: name, url: "http://127.0.0.1:" + strconv.Itoa(port), list: list, cmd: cmd}
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	for {
		response, err := client.Get(s.url + list)
		if err == nil {
			_, err = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
		if err == nil && response.StatusCode == http.StatusOK {
			s.start = time.Since(begun)
			return s, nil
		}
		if time.Since(begun) > 2*time.Minute || ctx.Err() != nil {
			s.stop()
			text, _ := os.ReadFile(logFile)
			return nil, fmt.Errorf("%s does not respond: %w\n%s", name, err, text)
		}
		time.Sleep(200 * time.Microsecond)
	}
}

// stop ends the program and returns what it has used.
func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
}

// cpu returns the processor time that the program has used so far.
func (s *server) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	const userTime, systemTime, ticks = 11, 12, 100
	user, _ := strconv.Atoi(fields[userTime])
	system, _ := strconv.Atoi(fields[systemTime])
	return time.Duration(user+system) * time.Second / ticks
}

// settle waits until the program has no more work in the background.
func (s *server) settle(ctx context.Context) error {
	for ctx.Err() == nil {
		before := s.cpu()
		time.Sleep(time.Second)
		if s.cpu()-before < 50*time.Millisecond {
			return nil
		}
	}
	return ctx.Err()
}

// memory returns the resident memory of the program in bytes.
func (s *server) memory() int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	pages, _ := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// liveMemory returns the size of the heap and the stacks after a garbage collection, in bytes.
func (s *server) liveMemory() (int64, error) {
	if _, _, err := get(s.admin + "/debug/pprof/heap?gc=1"); err != nil {
		return 0, err
	}
	metrics, _, err := get(s.admin + "/metrics")
	if err != nil {
		return 0, err
	}
	var sum float64
	for _, name := range []string{"go_memstats_heap_alloc_bytes", "go_memstats_stack_inuse_bytes"} {
		_, after, ok := bytes.Cut(metrics, []byte("\n"+name+" "))
		if !ok {
			return 0, fmt.Errorf("no metric %s", name)
		}
		text, _, _ := bytes.Cut(after, []byte("\n"))
		value, err := strconv.ParseFloat(string(text), 64)
		if err != nil {
			return 0, err
		}
		sum += value
	}
	return int64(sum), nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil //nolint:forcetypeassert // it is TCP
}

// productEnv are the settings: the defaults, apart from the limits, which this load would run into.
func (b *bench) productEnv(database string, more ...string) []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "DATABASE_URL=" + database, "HOST=127.0.0.1", "AUTH0_ISSUER_URL=" + b.issuer.url, "AUTH0_AUDIENCE=" + audience,
		"RATE_LIMIT_WRITES_PER_MINUTE=0", "RATE_LIMIT_READS_PER_MINUTE=0", "RATE_LIMIT_AUTH_FAILURES_PER_MINUTE=0",
		"MAX_CONNECTIONS_PER_ADDRESS=0",
	}, more...)
}

// product starts our server on a database.
func (b *bench) product(ctx context.Context, database string, more ...string) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	folder, err := b.folder()
	if err != nil {
		return nil, err
	}
	adminPort, err := freePort()
	if err != nil {
		return nil, err
	}
	admin := "127.0.0.1:" + strconv.Itoa(adminPort)
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "menu-api"), "serve", "--env-file", "/dev/null")
	cmd.Env = b.productEnv(database, append(more, "PORT="+strconv.Itoa(port), "METRICS_ADDR="+admin)...)
	s, err := launch(ctx, "menu-api", "/items", cmd, port, filepath.Join(folder, "log"))
	if err != nil {
		return nil, err
	}
	s.one, s.token, s.admin = "/items/1", b.issuer.token, "http://"+admin
	return s, nil
}

// bare starts the server that responds with the same bytes as another.
func (b *bench) bare(ctx context.Context, like *server, env ...string) (*server, error) {
	return b.fixed(ctx, "bare net/http", like, nil, env)
}

const ginName = "Gin with CORS"

// gin starts the same with Gin.
func (b *bench) gin(ctx context.Context, like *server) (*server, error) {
	return b.fixed(ctx, ginName, like, []string{"-gin"}, nil)
}

func (b *bench) fixed(ctx context.Context, name string, like *server, args, env []string) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	folder, err := b.folder()
	if err != nil {
		return nil, err
	}
	args = append(args, "-addr", "127.0.0.1:"+strconv.Itoa(port), "-key", b.issuer.keyFile)
	for name, path := range map[string]string{"list": like.list, "item": like.one} {
		file := filepath.Join(folder, name)
		if err := save(like.url+path, file); err != nil {
			return nil, err
		}
		args = append(args, "-"+name, file)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "bench", "bare"), args...)
	cmd.Env = append(os.Environ(), env...)
	s, err := launch(ctx, name, "/items", cmd, port, filepath.Join(folder, "log"))
	if err != nil {
		return nil, err
	}
	s.one, s.token = "/items/1", b.issuer.token
	return s, nil
}

// pocketbase starts PocketBase with a menu of three items.
func (b *bench) pocketbase(ctx context.Context, folder string) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	const list = "/api/collections/items/records"
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "bench", "pocketbase"), "serve", "--dir", filepath.Join(folder, "pb"),
		"--http", "127.0.0.1:"+strconv.Itoa(port))
	s, err := launch(ctx, "PocketBase", list, cmd, port, filepath.Join(folder, "log"))
	if err != nil {
		return nil, err
	}
	token, err := os.ReadFile(filepath.Join(folder, "pb", "token"))
	s.token = string(token)
	return s, err
}

func get(url string) ([]byte, http.Header, error) {
	response, err := http.Get(url) //nolint:gosec,noctx // of our own servers
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, response.Status)
	}
	return body, response.Header, err
}

func save(url, file string) error {
	body, _, err := get(url)
	if err != nil {
		return err
	}
	return os.WriteFile(file, body, 0o600)
}
