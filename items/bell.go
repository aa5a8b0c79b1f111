package items

import (
	"context"
	"sync"
	"time"
)

// Bell wakes those who wait for changes. Its zero value is ready to use.
type Bell struct {
	mu   sync.Mutex
	next chan struct{} // closed when it rings next; nil while nobody waits
}

// Ring wakes all who wait.
func (b *Bell) Ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next != nil {
		close(b.next)
		b.next = nil
	}
}

// Wait returns when the bell rings, at the latest after PollInterval: one who comes just after it rang has not missed the
// change, but finds it late. It returns the context's error when the context ends first.
func (b *Bell) Wait(ctx context.Context) error {
	b.mu.Lock()
	if b.next == nil {
		b.next = make(chan struct{})
	}
	next := b.next
	b.mu.Unlock()
	timer := time.NewTimer(PollInterval)
	defer timer.Stop()
	select {
	case <-next:
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err()
}
