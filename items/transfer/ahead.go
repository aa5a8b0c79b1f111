package transfer

import (
	"context"
	"iter"
	"sync"
)

// batch is how many records are handed over at a time: one by one, the handing over would cost as much as the reading.
const batch = 256

// ahead has a sequence read by a goroutine of its own, a little ahead of who takes from it, so that reading and writing
// keep a processor busy each. next returns false after the last, and when the context has ended. stop ends the reading but
// does not wait for it, since that may itself be waiting for a person to type.
func ahead[T any](ctx context.Context, sequence iter.Seq[T]) (next func() (T, bool), stop func()) {
	full, stopped := make(chan []T, 2), make(chan struct{})
	go func() {
		defer close(full)
		var filling []T
		send := func() bool {
			select {
			case full <- filling:
				filling = make([]T, 0, batch)
				return true
			case <-stopped:
				return false
			}
		}
		for entry := range sequence {
			filling = append(filling, entry)
			if len(filling) >= batch && !send() {
				return
			}
		}
		send()
	}()
	var current []T
	next = func() (entry T, more bool) {
		for len(current) == 0 {
			select {
			case current, more = <-full:
			case <-ctx.Done():
				more = false
			}
			if !more {
				return entry, false
			}
		}
		entry, current = current[0], current[1:]
		return entry, true
	}
	return next, sync.OnceFunc(func() { close(stopped) })
}
