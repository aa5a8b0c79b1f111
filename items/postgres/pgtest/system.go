//go:build unix

package pgtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

var errNotInstalled = errors.New("PostgreSQL is not installed: apt-get install -y postgresql")

// programs are the paths of the programs that a server needs.
type programs struct{ initdb, postgres string }

// findPrograms looks on the PATH, and then for the newest version in the folder of Debian.
func findPrograms() (programs, error) {
	initdb, err1 := exec.LookPath("initdb")
	postgres, err2 := exec.LookPath("postgres")
	if err1 == nil && err2 == nil {
		return programs{initdb, postgres}, nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // fails only for a bad pattern
	if len(found) == 0 {
		return programs{}, errNotInstalled
	}
	version := func(initdb string) float64 { // such as 15, or 9.6
		v, _ := strconv.ParseFloat(filepath.Base(filepath.Dir(filepath.Dir(initdb))), 64)
		return v
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return cmp.Compare(version(a), version(b)) })
	return programs{newest, filepath.Join(filepath.Dir(newest), "postgres")}, nil
}

// other returns another program of the same installation. It may be missing on the PATH.
func (p programs) other(name string) (string, error) {
	installed, err := filepath.EvalSymlinks(p.initdb)
	if err != nil {
		return "", err
	}
	for _, folder := range []string{filepath.Dir(p.initdb), filepath.Dir(installed)} {
		if path, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not beside %s: apt-get install -y postgresql", name, installed)
}

// account returns the account of the server. nil means that of the tests. PostgreSQL refuses to run as root.
func account() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	found, err := user.Lookup("postgres")
	if err != nil {
		found, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root, and there is no other user for it: %w", err)
	}
	uid, err1 := strconv.ParseUint(found.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(found.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(err1, err2)
}

// command returns a command that runs in the folder under the account. It ignores the environment, which may have settings of
// PostgreSQL, and a Ctrl-C, which is for the tests.
func command(folder string, as *syscall.Credential, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), name, args...) //nolint:gosec // only programs of this package
	cmd.Dir = folder
	cmd.Env = []string{"PATH=" + getenv("PATH") + ":/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as, Setsid: true}
	return cmd
}

// freePort returns a port that was free a moment ago.
func freePort() (int, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return listener.Addr().(*net.TCPAddr).Port, listener.Close() //nolint:forcetypeassert // it is TCP
}

// children returns the processes that the process has started. Each process of PostgreSQL has its own process group, so a signal
// to a group would reach only one.
func children(parent int) ([]int, error) {
	list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", parent))
	if err != nil { // this is not Linux
		list, err = exec.CommandContext(context.Background(), "pgrep", "-P", strconv.Itoa(parent)).Output() //nolint:gosec // a number
	}
	var found []int
	for field := range strings.FieldsSeq(string(list)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return nil, err
		}
		found = append(found, pid)
	}
	return found, err
}

func getenv(key string) string {
	return os.Getenv(key) //nolint:forbidigo // config is for the program; this is for its tests
}
