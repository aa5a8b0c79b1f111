package authz

import (
	"sync/atomic"
	"time"
)

// KeyStats tell how fresh the issuer's keys are and how often it was asked for them.
type KeyStats struct {
	// Keys is how many keys are at hand, 0 when there are none or when they are too old to be used.
	Keys int
	// Age is how long ago they were asked for. It means nothing without keys.
	Age time.Duration
	// Background counts the fetches at start and whenever the set is no longer fresh.
	Background FetchStats
	// UnknownKid counts those for tokens that name a key which is not in the set.
	UnknownKid FetchStats
}

// FetchStats count fetches by how they ended.
type FetchStats struct {
	OK      uint64
	Failed  uint64
	Refused uint64 // not made, since there were too many of them lately
}

type fetchCounts struct{ ok, failed, refused atomic.Uint64 }

func (c *fetchCounts) ended(err error) {
	if err != nil {
		c.failed.Add(1)
	} else {
		c.ok.Add(1)
	}
}

func (c *fetchCounts) stats() FetchStats {
	return FetchStats{OK: c.ok.Load(), Failed: c.failed.Load(), Refused: c.refused.Load()}
}

// Stats returns the state of the keys at this moment.
func (k *Keys) Stats() KeyStats {
	stats := KeyStats{Background: k.background.stats(), UnknownKid: k.unknownKid.stats()}
	if set, _, err := k.state(); err == nil {
		stats.Keys, stats.Age = len(set.keys), time.Since(set.asked)
	}
	return stats
}

// KeyStats returns the state of the keys that the guard uses.
func (g *Guard) KeyStats() KeyStats { return g.keys.Stats() }
