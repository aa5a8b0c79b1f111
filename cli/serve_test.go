package cli

import (
	"math"
	"runtime/debug"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

//nolint:paralleltest // the limit is that of the process
func TestLimitMemory(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	for name, test := range map[string]struct {
		container memlimit.Provider
		want      int64
	}{
		"a container with a limit": {memlimit.Limit(1000 << 20), 700 << 20},
		"no limit":                 {func() (uint64, error) { return 0, memlimit.ErrNoLimit }, math.MaxInt64},
		"no cgroup":                {func() (uint64, error) { return 0, memlimit.ErrNoCgroup }, math.MaxInt64},
	} {
		t.Run(name, func(t *testing.T) {
			debug.SetMemoryLimit(math.MaxInt64)
			limitMemory(test.container)
			if got := debug.SetMemoryLimit(-1); got != test.want {
				t.Errorf("got a limit of %d bytes, want %d", got, test.want)
			}
		})
	}
}
