//go:build soak

package test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"menu-api/authz/authztest"
	"menu-api/items"
)

// maxImage is the maximum size of the image in bytes.
const maxImage = 30_000_000

// TestImage builds the image and runs it as its configuration says, on a read-only root. Only make soak runs it, because it needs
// root and buildah, and compiles the program again.
func TestImage(t *testing.T) {
	t.Parallel()
	image := mustBuildImage(t)

	t.Run("configuration", func(t *testing.T) {
		c := image.config
		_, hasVolume := c.Volumes["/data"]
		_, hasPort := c.ExposedPorts["7000/tcp"]
		_, hasProviderPort := c.ExposedPorts["7001/tcp"]
		if c.User != "65532:65532" || !hasVolume || !hasPort || !hasProviderPort || !slices.Equal(c.Entrypoint, []string{"/menu-api"}) || !slices.Equal(c.Cmd, []string{"serve"}) {
			t.Errorf("got %+v, want /menu-api serve as 65532:65532 with the volume /data and the ports 7000 and 7001", c)
		}
	})

	t.Run("content", func(t *testing.T) { checkContent(t, image.root) })

	// Container runtimes add this file.
	must(t, os.WriteFile(filepath.Join(image.root, "etc", "hosts"), []byte("127.0.0.1 localhost\n"), 0o600))
	must(t, os.Chmod(filepath.Join(image.root, "etc", "hosts"), 0o444))

	issuer := authztest.NewIssuer(t)
	settings := []string{"AUTH0_ISSUER_URL=" + issuer.URL, "AUTH0_AUDIENCE=" + authztest.Audience, "RATE_LIMIT_WRITES_PER_MINUTE=0"}
	volume := image.mustMakeVolume(t)
	token := issuer.Token(t, items.Permissions()...)
	var acknowledged []string // the paths of the items that were created

	t.Run("stops in time, under load", func(t *testing.T) {
		c := image.start(t, volume, settings)
		c.mustBecomeHealthy(t)
		c.checkIdentity(t)
		load := startLoad(c.url, token)
		time.Sleep(time.Second) // of requests, before the stop
		begun := time.Now()
		must(t, c.process.Process.Signal(syscall.SIGTERM))
		select {
		case err := <-c.ended:
			if err != nil {
				t.Errorf("got %v after SIGTERM, want exit status 0\n%s", err, c.output())
			}
			t.Logf("stopped in %s", time.Since(begun).Round(time.Millisecond))
		case <-time.After(15 * time.Second): // the grace period is 10 s
			t.Fatalf("still running 15 s after SIGTERM\n%s", c.output())
		}
		acknowledged = load.stop()
		t.Logf("%d items created, %d responses in total", len(acknowledged), load.responses.Load())
		if len(acknowledged) == 0 {
			t.Error("got no item before the shutdown, want some")
		}
		if err := image.healthcheck(t, c); err == nil {
			t.Error("the health check passes without a server")
		}
	})

	t.Run("a new container has the old volume's menu", func(t *testing.T) {
		c := image.start(t, volume, settings)
		c.mustBecomeHealthy(t)
		for _, path := range append([]string{"/items/1"}, acknowledged...) {
			if status := get(t, c.url+path); status != http.StatusOK {
				t.Errorf("%s: got %d, want 200", path, status)
			}
		}
	})

	t.Run("development, without configuration", func(t *testing.T) {
		provider := mustFindAddr(t)
		_, port, _ := net.SplitHostPort(provider)
		c := image.startCommand(t, "dev", image.mustMakeVolume(t), []string{"DEV_IDP_PORT=" + port})
		c.mustBecomeHealthy(t)
		if status := get(t, c.url+"/"); status != http.StatusOK {
			t.Errorf("the page: got %d, want 200", status)
		}
		if status := get(t, "http://"+provider+"/.well-known/openid-configuration"); status != http.StatusOK {
			t.Errorf("the provider: got %d, want 200", status)
		}
		if _, port, _ := net.SplitHostPort(provider); get(t, "http://127.0.0.2:"+port+"/.well-known/openid-configuration") != http.StatusMisdirectedRequest {
			t.Error("the provider accepts a foreign Host header, or listens only on loopback")
		}
		hostname, err := os.Hostname() // of a container, it is the id
		must(t, err)
		if want := "TOKEN=$(docker exec " + hostname + " /menu-api token admin)"; !strings.Contains(c.output(), want) {
			t.Errorf("got\n%s\nwant the command %s", c.output(), want)
		}
		token, err := c.command(t, []string{"/menu-api", "token", "admin"}).Output() // as docker exec does
		if err != nil {
			t.Fatalf("token admin: %v", err)
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, c.url+"/items/1", http.NoBody)
		must(t, err)
		request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
		response, err := http.DefaultClient.Do(request)
		must(t, err)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Errorf("got %d with the token, want 200", response.StatusCode)
		}
	})

	t.Run("wrong settings", func(t *testing.T) {
		c := image.start(t, image.mustMakeVolume(t), []string{"LOG_LEVEL=loud"})
		select {
		case err := <-c.ended:
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 2 {
				t.Errorf("got %v, want exit status 2", err)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("the container runs with wrong settings")
		}
		for _, want := range []string{"AUTH0_ISSUER_URL", "AUTH0_AUDIENCE", "LOG_LEVEL"} {
			if !strings.Contains(c.output(), want) {
				t.Errorf("got %q, want it to name %s", c.output(), want)
			}
		}
	})
}

// checkContent checks that the image contains only the files that the program needs.
func checkContent(t *testing.T, root string) {
	t.Helper()
	var total int64
	var files []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		total += info.Size()
		files = append(files, strings.TrimPrefix(path, root))
		t.Logf("%10d %s", info.Size(), files[len(files)-1])
		return nil
	})
	must(t, err)
	t.Logf("%10d in total", total)
	if total > maxImage {
		t.Errorf("the image has %d bytes, want at most %d", total, maxImage)
	}
	if want := []string{"/etc/group", "/etc/passwd", "/etc/ssl/certs/ca-certificates.crt", "/menu-api"}; !slices.Equal(files, want) {
		t.Errorf("got the files %q, want %q", files, want)
	}
	certificates, err := os.ReadFile(filepath.Join(root, "etc", "ssl", "certs", "ca-certificates.crt"))
	must(t, err)
	if !x509.NewCertPool().AppendCertsFromPEM(certificates) {
		t.Error("the image has no usable certificates")
	}
}

// image is a built image and its file system.
type image struct {
	root   string
	config imageConfig
}

type imageConfig struct {
	User, WorkingDir      string
	Env, Entrypoint, Cmd  []string
	Volumes, ExposedPorts map[string]struct{}
	Healthcheck           struct{ Test []string }
}

// mustMakeVolume returns a new volume. Like Docker, it gives the volume the owner that /data has in the image.
func (i image) mustMakeVolume(tb testing.TB) string {
	tb.Helper()
	var stat syscall.Stat_t
	must(tb, syscall.Stat(filepath.Join(i.root, "data"), &stat))
	volume := filepath.Join(tb.TempDir(), "volume")
	must(tb, os.Mkdir(volume, fs.FileMode(stat.Mode)&fs.ModePerm))
	must(tb, os.Chown(volume, int(stat.Uid), int(stat.Gid)))
	return volume
}

// container is a process of the image in its own root, as process 1.
type container struct {
	image   image
	root    string
	env     []string
	url     string
	process *exec.Cmd
	ended   chan error // gets the result of the process
	log     string     // the name of a file
}

// start runs the entry point of the image, with the volume at /data and everything else read-only, until the end of the test.
func (i image) start(tb testing.TB, volume string, settings []string) *container {
	tb.Helper()
	return i.startCommand(tb, i.config.Cmd[0], volume, settings)
}

// startCommand is start with another command than the image's default.
func (i image) startCommand(tb testing.TB, command, volume string, settings []string) *container {
	tb.Helper()
	addr := mustFindAddr(tb)
	_, port, _ := net.SplitHostPort(addr)
	c := &container{
		image: i,
		root:  mustMountReadOnly(tb, i.root, volume),
		env:   slices.Concat(i.config.Env, settings, []string{"PORT=" + port}),
		url:   "http://" + addr,
		ended: make(chan error, 1),
		log:   filepath.Join(tb.TempDir(), "log"),
	}
	log, err := os.Create(c.log)
	must(tb, err)
	defer func() { _ = log.Close() }()
	c.process = c.command(tb, append(slices.Clone(i.config.Entrypoint), command))
	c.process.SysProcAttr.Cloneflags = syscall.CLONE_NEWPID // signals reach process 1 only where it handles them
	c.process.Stdout, c.process.Stderr = log, log
	must(tb, c.process.Start())
	ended := make(chan struct{})
	go func() {
		c.ended <- c.process.Wait()
		close(ended)
	}()
	tb.Cleanup(func() {
		_ = c.process.Process.Kill() // fails if the process has ended
		<-ended
	})
	return c
}

// command returns a command with the root, user, working folder and environment of the container.
func (c *container) command(tb testing.TB, args []string) *exec.Cmd {
	tb.Helper()
	user, group, _ := strings.Cut(c.image.config.User, ":")
	uid, uidErr := strconv.ParseUint(user, 10, 32)
	gid, gidErr := strconv.ParseUint(group, 10, 32)
	if err := errors.Join(uidErr, gidErr); err != nil {
		tb.Fatalf("the user of the image is not a number: %v", err)
	}
	command := exec.CommandContext(context.WithoutCancel(tb.Context()), args[0], args[1:]...)
	command.Dir = c.image.config.WorkingDir
	command.Env = c.env
	command.SysProcAttr = &syscall.SysProcAttr{
		Chroot:     c.root,
		Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)},
	}
	return command
}

func (c *container) output() string {
	content, err := os.ReadFile(c.log)
	if err != nil {
		return err.Error()
	}
	return string(content)
}

// healthcheck runs the HEALTHCHECK of the image in a container.
func (i image) healthcheck(tb testing.TB, c *container) error {
	tb.Helper()
	test := i.config.Healthcheck.Test
	if len(test) < 2 || test[0] != "CMD" {
		tb.Fatalf("got the health check %q, want a command", test)
	}
	output, err := c.command(tb, test[1:]).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, output)
	}
	return nil
}

func (c *container) mustBecomeHealthy(tb testing.TB) {
	tb.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		err := c.image.healthcheck(tb, c)
		if err == nil {
			return
		}
		select {
		case ended := <-c.ended:
			tb.Fatalf("the container ended: %v\n%s", ended, c.output())
		case <-time.After(100 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			tb.Fatalf("the health check fails: %v\n%s", err, c.output())
		}
	}
}

// checkIdentity checks the user, the group and the capabilities of the process.
func (c *container) checkIdentity(tb testing.TB) {
	tb.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.process.Process.Pid))
	must(tb, err)
	for _, want := range []string{"Uid:\t65532\t65532\t65532\t65532", "Gid:\t65532\t65532\t65532\t65532", "CapEff:\t0000000000000000"} {
		if !strings.Contains(string(status), want) {
			tb.Errorf("got\n%s\nwant %s", status, want)
		}
	}
}

// mustMountReadOnly returns a read-only view of the root, with the volume at /data.
func mustMountReadOnly(tb testing.TB, root, volume string) string {
	tb.Helper()
	view := tb.TempDir()
	mount := func(source, target string, flags uintptr) {
		tb.Helper()
		if err := syscall.Mount(source, target, "", flags, ""); err != nil {
			tb.Fatalf("mount %s: %v", target, err)
		}
	}
	mount(root, view, syscall.MS_BIND)
	tb.Cleanup(func() {
		if err := syscall.Unmount(view, syscall.MNT_DETACH); err != nil {
			tb.Errorf("unmount %s: %v", view, err)
		}
	})
	mount("", view, syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY)
	data := filepath.Join(view, "data")
	mount(volume, data, syscall.MS_BIND)
	tb.Cleanup(func() { _ = syscall.Unmount(data, syscall.MNT_DETACH) })
	return view
}

// load is a set of clients that read and create items without a pause.
type load struct {
	responses atomic.Int64
	ended     sync.WaitGroup
	cancel    context.CancelFunc
	mu        sync.Mutex
	created   []string
}

func startLoad(url, token string) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{cancel: cancel}
	for client := range 8 {
		l.ended.Go(func() {
			for ctx.Err() == nil {
				method, body := http.MethodGet, ""
				if client%2 == 0 {
					method, body = http.MethodPost, `{"item":{"name":"Soup","price":4.5,"description":"","image":""}}`
				}
				request, err := http.NewRequestWithContext(ctx, method, url+"/items", strings.NewReader(body))
				if err != nil {
					panic(err)
				}
				request.Header.Set("Authorization", "Bearer "+token)
				request.Header.Set("Content-Type", "application/json")
				response, err := http.DefaultClient.Do(request)
				if err != nil {
					continue // the server is shutting down
				}
				_, err = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
				l.responses.Add(1)
				if err == nil && response.StatusCode == http.StatusCreated {
					l.mu.Lock()
					l.created = append(l.created, response.Header.Get("Location"))
					l.mu.Unlock()
				}
			}
		})
	}
	return l
}

// stop ends the clients and returns the paths of the items that they created.
func (l *load) stop() []string {
	l.cancel()
	l.ended.Wait()
	return l.created
}

func get(tb testing.TB, url string) (status int) {
	tb.Helper()
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, url, http.NoBody)
	must(tb, err)
	response, err := http.DefaultClient.Do(request)
	must(tb, err)
	_ = response.Body.Close()
	return response.StatusCode
}
