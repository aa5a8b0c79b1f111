//go:build unix

package pgtest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var (
	errPortTaken = errors.New("the port is taken")
	errDown      = errors.New("the server is down")
)

// postmaster is the process that listens, the parent of all others of a server.
type postmaster struct {
	cmd  *exec.Cmd
	gone chan struct{} // closed when it has ended, and all its children too
}

func (p *postmaster) wait() error {
	select {
	case <-p.gone:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("the server does not end within %v", patience)
	}
}

func (s *Server) up() bool {
	if s.running == nil {
		return false
	}
	select {
	case <-s.running.gone:
		return false
	default:
		return true
	}
}

// launchAnywhere starts the server on a free port. Somebody else may take that before the server has it.
func (s *Server) launchAnywhere() error {
	for try := 1; ; try++ {
		port, err := freePort()
		if err != nil {
			return err
		}
		s.port = port
		if err := s.launch(); !errors.Is(err, errPortTaken) || try == 10 {
			return err
		}
	}
}

// launchAgain starts the server on the same port. The system may have given the port to a connection for a short time.
func (s *Server) launchAgain() error {
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		if err := s.launch(); !errors.Is(err, errPortTaken) || time.Now().After(deadline) {
			return err
		}
	}
}

// launch starts the server and returns when it takes connections.
func (s *Server) launch() error {
	log, err := os.Create(s.logFile())
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	// All processes of the server inherit this pipe, so its end means that all of them have ended.
	end, held, err := os.Pipe()
	if err != nil {
		return err
	}
	args := []string{
		"-D", s.data(), "-p", strconv.Itoa(s.port),
		"-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=",
		"-c", "dynamic_shared_memory_type=mmap", // among its data, where the keeper removes what a crash left
	}
	for _, setting := range s.settings {
		args = append(args, "-c", setting)
	}
	cmd := command(s.folder, s.account, s.programs.postgres, args...)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = log, log, []*os.File{held}
	err = cmd.Start()
	_ = held.Close()
	if err != nil {
		_ = end.Close()
		return err
	}
	s.keeper.watch(cmd.Process.Pid)
	p := &postmaster{cmd, make(chan struct{})}
	go func() {
		_ = cmd.Wait() // the test killed it
		s.keeper.watch(0)
		_, _ = io.Copy(io.Discard, end)
		_ = end.Close()
		close(p.gone)
	}()
	s.running = p
	return s.awaitReady()
}

func (s *Server) awaitReady() error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		select {
		case <-s.running.gone:
			if strings.Contains(s.log(), "could not create any TCP/IP sockets") {
				return errPortTaken
			}
			return errors.New("it ended")
		case <-tick.C:
			if s.ready() {
				return nil
			}
		}
	}
	return fmt.Errorf("it is not ready within %v", patience)
}

// ready reads the file that pg_ctl reads. Who answers on the port might be another server.
func (s *Server) ready() bool {
	text, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		return false
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) <= 7 || lines[0] != strconv.Itoa(s.running.cmd.Process.Pid) {
		return false
	}
	state := strings.TrimSpace(lines[7])
	return state == "ready" || state == "standby"
}

// freeze stops all processes of the server and returns them. The postmaster comes first, for it would start more.
func (s *Server) freeze() ([]int, error) {
	if !s.up() {
		return nil, errDown
	}
	all := []int{s.running.cmd.Process.Pid}
	for fresh := all; len(fresh) > 0; all = append(all, fresh...) {
		send(syscall.SIGSTOP, fresh)
		now, err := children(all[0])
		if err != nil {
			return nil, err
		}
		fresh = slices.DeleteFunc(now, func(pid int) bool { return slices.Contains(all, pid) })
	}
	return all, nil
}

// thaw is the opposite of freeze. It does no harm to what is not frozen.
func (s *Server) thaw() error {
	if !s.up() {
		return errDown
	}
	all, err := children(s.running.cmd.Process.Pid)
	send(syscall.SIGCONT, append(all, s.running.cmd.Process.Pid))
	return err
}

func send(sig syscall.Signal, pids []int) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, sig) // fails if the process has ended
	}
}
