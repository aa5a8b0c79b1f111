package test

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// loggingServer is a process of `menu-api dev` whose log goes to a file of the test.
type loggingServer struct {
	*process

	api, metrics string
}

func startLogging(t *testing.T, stdout *os.File, wrapper ...string) *loggingServer {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has these signals, and 127.0.0.2 without configuration")
	}
	cmd := command(t, []string{"DATABASE_URL=" + newFile(t), "DEV_IDP_PORT=0"}, "dev")
	api := mustFindAddr(t)
	_, port, _ := net.SplitHostPort(api)
	metrics := "127.0.0.2:" + port // no client uses a port of this address
	cmd.Env = append(cmd.Env, "PORT="+port, "METRICS_ADDR="+metrics)
	if len(wrapper) > 0 {
		wrapped := exec.Command(wrapper[0], append(wrapper[1:], cmd.Args...)...)
		wrapped.Dir, wrapped.Env = cmd.Dir, cmd.Env
		cmd = wrapped
	}
	if stdout != nil {
		cmd.Stdout = stdout
	}
	s := &loggingServer{startProcess(t, cmd), "http://" + api, "http://" + metrics + "/metrics"}
	s.mustBecomeReady(t, s.api+"/readyz")
	return s
}

// mustServe sends n requests, each of which is logged in about 800 bytes. Every one must get its response quickly.
func (s *loggingServer) mustServe(t *testing.T, n int) {
	t.Helper()
	client := &http.Client{Timeout: 5 * time.Second}
	for range n {
		response, err := client.Get(s.api + "/" + strings.Repeat("x", 490))
		must(t, err)
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
	}
}

func (s *loggingServer) lostLines(t *testing.T) int {
	t.Helper()
	response, err := http.Get(s.metrics)
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	must(t, err)
	found := regexp.MustCompile(`(?m)^log_lines_lost_total (\d+)$`).FindSubmatch(text)
	if found == nil {
		t.Fatal("there is no metric log_lines_lost_total")
	}
	lost, err := strconv.Atoi(string(found[1]))
	must(t, err)
	return lost
}

// mustStop sends the signal and returns the log. The process must exit with status 0 within a minute.
func (s *loggingServer) mustStop(t *testing.T, sig os.Signal) string {
	t.Helper()
	must(t, s.Process.Signal(sig))
	select {
	case <-s.ended:
	case <-time.After(time.Minute):
		t.Fatalf("still running a minute after %v", sig)
	}
	if !s.ProcessState.Success() {
		t.Errorf("got %v after %v, want exit status 0\n%s", s.ProcessState, sig, mustReadFile(t, s.log))
	}
	return mustReadFile(t, s.log)
}

// A stalled reader of the log blocks neither requests nor the shutdown. Once it reads again, it gets a line with the number of
// lost lines.
func TestStalledLogReader(t *testing.T) {
	t.Parallel()
	reader, writer, err := os.Pipe()
	must(t, err)
	defer func() { _ = reader.Close() }()
	s := startLogging(t, writer)
	must(t, writer.Close())
	for deadline := time.Now().Add(time.Minute); s.lostLines(t) == 0; {
		s.mustServe(t, 1000)
		if time.Now().After(deadline) {
			t.Fatal("no line is lost after a minute without a reader")
		}
	}
	reported := make(chan bool, 1)
	go func() {
		var log strings.Builder
		buffer := make([]byte, 64<<10)
		for !strings.Contains(log.String(), "log lines were lost") {
			n, err := reader.Read(buffer)
			log.Write(buffer[:n])
			if err != nil {
				reported <- false
				return
			}
		}
		reported <- true // the reader stalls again
	}()
	s.mustServe(t, 1)
	select {
	case ok := <-reported:
		if !ok {
			t.Error("the log ended without a line about the lost lines")
		}
	case <-time.After(20 * time.Second):
		t.Error("the log has no line about the lost lines")
	}
	s.mustServe(t, 1000) // the pipe is full again
	s.mustStop(t, syscall.SIGTERM)
}

// If the reader of the log exits, the server continues and counts the lost lines.
func TestLogReaderThatExits(t *testing.T) {
	t.Parallel()
	reader, writer, err := os.Pipe()
	must(t, err)
	s := startLogging(t, writer)
	must(t, writer.Close())
	must(t, reader.Close())
	s.mustServe(t, 10)
	time.Sleep(200 * time.Millisecond) // lines wait for others for 10 ms
	if got := s.lostLines(t); got < 10 {
		t.Errorf("got %d lost lines, want at least 10", got)
	}
	s.mustStop(t, syscall.SIGTERM)
}

func TestLogOnADeviceThatIsFull(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("this system has no /dev/full")
	}
	defer func() { _ = full.Close() }()
	s := startLogging(t, full)
	s.mustServe(t, 10)
	time.Sleep(200 * time.Millisecond)
	if got := s.lostLines(t); got < 10 {
		t.Errorf("got %d lost lines, want at least 10", got)
	}
	s.mustStop(t, syscall.SIGTERM)
}

// At the end of the program, the log is complete, even immediately after many requests.
func TestLogIsCompleteAtTheEnd(t *testing.T) {
	t.Parallel()
	s := startLogging(t, nil)
	const requests = 500
	s.mustServe(t, requests)
	log := s.mustStop(t, syscall.SIGTERM)
	if got := strings.Count(log, `"status":404`); got != requests {
		t.Errorf("got %d lines of requests, want %d", got, requests)
	}
	if lines := strings.Split(strings.TrimSpace(log), "\n"); !strings.Contains(lines[len(lines)-1], `"msg":"stopped"`) {
		t.Errorf("got %s as the last line, want stopped", lines[len(lines)-1])
	}
}

// A terminal that closes sends SIGHUP, sometimes twice. It shuts down the server, unless nohup started it.
func TestHangup(t *testing.T) {
	t.Parallel()
	t.Run("shuts down the server", func(t *testing.T) {
		t.Parallel()
		if signal.Ignored(syscall.SIGHUP) {
			t.Skip("these tests run under nohup, so the server ignores SIGHUP")
		}
		s := startLogging(t, nil)
		must(t, s.Process.Signal(syscall.SIGHUP))
		if log := s.mustStop(t, syscall.SIGHUP); !strings.Contains(log, `"msg":"stopped"`) {
			t.Errorf("got a log without stopped:\n%s", log)
		}
	})
	t.Run("is ignored under nohup", func(t *testing.T) {
		t.Parallel()
		s := startLogging(t, nil, "nohup")
		must(t, s.Process.Signal(syscall.SIGHUP))
		time.Sleep(200 * time.Millisecond)
		s.mustServe(t, 1)
		s.mustStop(t, syscall.SIGTERM)
	})
}
