package cli

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestMemoryIsScarceAboveNinetyPercent(t *testing.T) {
	t.Parallel()
	m := newMemoryWatch(math.MaxInt64)
	for _, test := range []struct {
		name  string
		limit uint64
		want  bool
	}{
		{"half of the limit", 2 * residentMemory(), false},
		{"95 % of the limit", residentMemory() * 100 / 95, true},
		{"no limit", math.MaxInt64, false},
	} {
		m.limit = test.limit
		if m.sample(); m.isScarce() != test.want {
			t.Errorf("%s: got %t, want %t", test.name, m.isScarce(), test.want)
		}
	}
}

// A large heap may grow less. After a flood, its memory goes back to the system.
func TestMemoryAfterAFlood(t *testing.T) { //nolint:paralleltest // the heap is that of the process
	before := debug.SetGCPercent(smallHeapPercent)
	defer debug.SetGCPercent(before)
	m := newMemoryWatch(math.MaxInt64)
	flood := make([]byte, 200<<20)
	for i := range flood {
		flood[i] = 1
	}
	runtime.GC()
	m.sample()
	if got := debug.SetGCPercent(largeHeapPercent); got != largeHeapPercent {
		t.Errorf("during the flood: got %d %%, want %d", got, largeHeapPercent)
	}
	peak := residentMemory()
	runtime.KeepAlive(flood)
	flood = nil //nolint:ineffassign,wastedassign // lets the collector take it
	runtime.GC()
	m.sample()
	if got := residentMemory(); got+100<<20 > peak {
		t.Errorf("after the flood: got %d MiB, want 100 less than the %d of the peak", got>>20, peak>>20)
	}
	m.sample()
	if got := debug.SetGCPercent(largeHeapPercent); got != smallHeapPercent {
		t.Errorf("after the flood: got %d %%, want %d", got, smallHeapPercent)
	}
}
