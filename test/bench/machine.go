package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// watchMachine returns a function that says how much of the machine went to others since.
func watchMachine() func() string {
	begun, busyBefore := time.Now(), machineBusy()
	return func() string {
		took := time.Since(begun).Seconds() * float64(runtime.NumCPU())
		busy := (machineBusy() - busyBefore).Seconds()
		var own, children syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &own)
		_ = syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children)
		ours := seconds(own) + seconds(children)
		return fmt.Sprintf("The run took %s on %d cores. Other programs used %.0f percent of them.",
			time.Since(begun).Round(time.Second), runtime.NumCPU(), 100*max(0, busy-ours)/took)
	}
}

func seconds(u syscall.Rusage) float64 {
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

// machineBusy is the processor time that all programs have used since the machine started.
func machineBusy() time.Duration {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	var busy int64
	for i, field := range strings.Fields(line)[1:] {
		const idle, ioWait = 3, 4
		if ticks, err := strconv.ParseInt(field, 10, 64); err == nil && i != idle && i != ioWait && i < 8 {
			busy += ticks
		}
	}
	return time.Duration(busy) * time.Second / 100
}
