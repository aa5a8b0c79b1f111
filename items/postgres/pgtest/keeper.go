//go:build unix

package pgtest

import (
	"fmt"
	"io"
	"os/exec"
	"syscall"
)

// keeper is a process that removes a server at the end of the test, or when the test process is killed. It waits for the end of a
// pipe that the test process holds: the kernel closes the pipe when the process ends.
type keeper struct {
	cmd  *exec.Cmd
	pipe io.WriteCloser
}

// The script reads lines until the end of the pipe. Each line is the id of the process that runs in the folder, or empty. Then
// the script ends that process, even if it is frozen, and removes the folder.
//
// A killed server leaves a segment of shared memory behind. Its number is in postmaster.pid.
const keeperScript = `
while read -r line; do pid=$line; done
running=$1/data/postmaster.pid
if [ -n "$pid" ]; then
	kill -QUIT "$pid"
	kill -CONT "$pid"
	# Patroni starts the server as another process.
	[ ! -e "$running" ] || kill -QUIT "$(head -n 1 "$running")"
	tries=0
	while [ -e "$running" ] && [ $tries -lt 200 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
fi
if [ -e "$running" ]; then
	ipcrm -m "$(sed -n '7s/.* //p' "$running")"
fi
rm -rf "$1" || { sleep 1; rm -rf "$1"; }
`

func newKeeper(folder string, as *syscall.Credential) (*keeper, error) {
	cmd := command("/", as, "/bin/sh", "-c", keeperScript, "sh", folder)
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return &keeper{cmd, pipe}, cmd.Start()
}

// watch sets the process to end. 0 means none.
func (k *keeper) watch(pid int) {
	line := ""
	if pid != 0 {
		line = fmt.Sprint(pid)
	}
	_, _ = fmt.Fprintln(k.pipe, line) // fails if the keeper was killed
}

// finish removes the server and returns when that is done.
func (k *keeper) finish() {
	_ = k.pipe.Close()
	_ = k.cmd.Wait()
}
