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

// postmaster is the main process of a server. It listens, and starts the others.
type postmaster struct {
	cmd  *exec.Cmd
	gone chan struct{} // closed when all processes of the server have ended
}

func (p *postmaster) wait() error {
	select {
	case <-p.gone:
		return nil
	case <-time.After(timeout):
		return fmt.Errorf("the server does not end within %v", timeout)
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

// launchAnywhere starts the server on a free port. If another program takes the port first, it tries another one.
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

// launchAgain starts the server on the same port. A connection may be using the port for a short time.
func (s *Server) launchAgain() error {
	for deadline := time.Now().Add(timeout); ; time.Sleep(100 * time.Millisecond) {
		if err := s.launch(); !errors.Is(err, errPortTaken) || time.Now().After(deadline) {
			return err
		}
	}
}

// launch starts the server and returns when it accepts connections.
func (s *Server) launch() error {
	log, err := os.Create(s.logFile())
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	// All processes of the server inherit this pipe, so it ends when all of them have ended.
	end, held, err := os.Pipe()
	if err != nil {
		return err
	}
	args := []string{
		"-D", s.data(), "-p", strconv.Itoa(s.port),
		"-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=",
		"-c", "dynamic_shared_memory_type=mmap", // in its folder, which the keeper removes after a crash
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
	for deadline := time.Now().Add(timeout); time.Now().Before(deadline); {
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
	return fmt.Errorf("it is not ready within %v", timeout)
}

// ready reads the same file as pg_ctl. A connection would prove nothing: another server may listen on the port.
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

// freeze stops all processes of the server and returns them. The postmaster comes first, because it would start more.
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

// thaw continues all processes of the server. It does nothing to a process that is not frozen.
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
