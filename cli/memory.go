package cli

import (
	"bytes"
	"context"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

const (
	// Go collects the heap when it has grown by a percentage of its live size. A small heap may grow more: Go would collect
	// the few megabytes of a normal load dozens of times a second.
	smallHeap        = 16 << 20
	smallHeapPercent = 400
	largeHeapPercent = 100
	// maxUnused is how much memory the process may keep that its live heap does not need, before it returns it to the system.
	maxUnused       = 64 << 20
	releaseInterval = 5 * time.Second
	sampleInterval  = 100 * time.Millisecond
)

// tuneGC sets the percentage of a small heap, unless GOGC is set. Unless GOMEMLIMIT is set, Go's memory limit is 70 % of the
// smallest limit of the container's cgroups. The rest is for the memory that Go does not count.
func (a *app) tuneGC() {
	if a.getenv("GOGC") == "" {
		debug.SetGCPercent(smallHeapPercent)
	}
	if a.getenv("GOMEMLIMIT") == "" {
		limitMemory(memlimit.FromCgroup)
	}
}

// limitMemory leaves Go without a limit if the container has none, or if the system has no cgroups.
func limitMemory(container memlimit.Provider) {
	if limit, err := memlimit.ApplyRatio(container, 0.7)(); err == nil && limit <= math.MaxInt64 {
		debug.SetMemoryLimit(int64(limit))
	}
}

// memoryLimit returns the memory limit of the container, or else Go's, which is math.MaxInt64 if there is no limit.
func memoryLimit() uint64 {
	if limit, err := memlimit.FromCgroup(); err == nil {
		return limit
	}
	return uint64(debug.SetMemoryLimit(-1)) //nolint:gosec // it is not negative
}

// memoryWatch keeps the memory of the process low, and reports when there is little left.
type memoryWatch struct {
	limit    uint64 // bytes
	adaptive bool   // GOGC is not set
	scarce   atomic.Bool
	samples  []metrics.Sample // in the order of the names in newMemoryWatch
	released time.Time
}

func newMemoryWatch(limit uint64) *memoryWatch {
	m := &memoryWatch{limit: limit}
	for _, name := range []string{
		"/gc/gogc:percent", "/gc/heap/live:bytes", "/memory/classes/total:bytes", "/memory/classes/heap/released:bytes",
	} {
		m.samples = append(m.samples, metrics.Sample{Name: name})
	}
	metrics.Read(m.samples)
	m.adaptive = m.samples[0].Value.Uint64() == smallHeapPercent
	return m
}

// isScarce reports whether the process uses more than 90 % of its limit.
func (m *memoryWatch) isScarce() bool { return m.scarce.Load() }

// run samples the memory until the context ends.
func (m *memoryWatch) run(ctx context.Context) {
	tick := time.NewTicker(sampleInterval)
	defer tick.Stop()
	for {
		m.sample()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// sample reads runtime/metrics, which does not stop the program as runtime.ReadMemStats does.
func (m *memoryWatch) sample() {
	metrics.Read(m.samples)
	percent, live := m.samples[0].Value.Uint64(), m.samples[1].Value.Uint64()
	used := m.samples[2].Value.Uint64() - m.samples[3].Value.Uint64()
	m.scarce.Store(m.limit < math.MaxInt64 && max(used, residentMemory()) > m.limit/10*9)
	if want := uint64(smallHeapPercent); m.adaptive {
		if live > smallHeap {
			want = largeHeapPercent
		}
		if percent != want {
			debug.SetGCPercent(int(want))
		}
	}
	// Go itself returns the memory of a flood only minutes later, at the next collection.
	if used > live+maxUnused && time.Since(m.released) > releaseInterval {
		m.released = time.Now()
		debug.FreeOSMemory()
	}
}

// residentMemory returns the memory of the process in bytes, including that of SQLite, which Go does not count. It returns 0
// if the system does not report it.
func residentMemory() uint64 {
	text, _ := os.ReadFile("/proc/self/statm")
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseUint(string(fields[1]), 10, 64)
	return pages * uint64(os.Getpagesize()) //nolint:gosec // it is not negative
}
