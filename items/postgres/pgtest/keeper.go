//go:build unix

package pgtest

import (
	"fmt"
	"io"
	"os/exec"
	"syscall"
)

// keeper removes a server when the test is done with it, or when the test process ends without a word: it waits for
// the end of a pipe that this process holds, and which the kernel closes for a process that is killed.
type keeper struct {
	cmd  *exec.Cmd
	pipe io.WriteCloser
}

// The script reads the id of the process that runs in the folder from each line, empty for none, until the end of the pipe.
// Then it ends that process, even a frozen one, and removes the folder.
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

// watch says which process runs now; 0 for none.
func (k *keeper) watch(pid int) {
	line := ""
	if pid != 0 {
		line = fmt.Sprint(pid)
	}
	_, _ = fmt.Fprintln(k.pipe, line) // fails when somebody has killed the keeper
}

// finish returns when everything is removed.
func (k *keeper) finish() {
	_ = k.pipe.Close()
	_ = k.cmd.Wait()
}
