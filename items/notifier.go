package items

import (
	"context"
	"sync"
	"time"
)

// Notifier wakes the goroutines that wait for changes. Its zero value is ready to use.
type Notifier struct {
	mu   sync.Mutex
	next chan struct{} // closed by the next Notify; nil while no goroutine waits
}

// Notify wakes every goroutine that is waiting.
func (n *Notifier) Notify() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.next != nil {
		close(n.next)
		n.next = nil
	}
}

// Wait returns at the next Notify, or after PollInterval: a caller that arrives just after a Notify finds the change late,
// but it finds it. If the context ends first, Wait returns the context's error.
func (n *Notifier) Wait(ctx context.Context) error {
	n.mu.Lock()
	if n.next == nil {
		n.next = make(chan struct{})
	}
	next := n.next
	n.mu.Unlock()
	select {
	case <-next:
	case <-time.After(PollInterval):
	case <-ctx.Done():
	}
	return ctx.Err()
}

// Sleep waits until the time is up, or the context ends.
func Sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
