package items

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"menu-api/content"
)

const (
	// maxAge is how long a response is served, counted from before the read of the store that it came from.
	maxAge = time.Second
	// ReadTimeout is how long a read may wait for the store.
	ReadTimeout = 10 * time.Second
	// maxResponses and maxResponseBytes bound the cache.
	maxResponses     = 10_000
	maxResponseBytes = 32 << 20 // with the compressed copies
)

// ResponseCache keeps the encoded responses to recent reads, so that most reads cost neither a query nor an encoding. See
// docs/adr/0019-response-cache.md. These rules keep it correct:
//
//   - The epoch increases with every write of this process and with every change from another process. Responses of an
//     earlier epoch are dropped. While a write is in progress, nothing is served from the cache. So the reads and writes of
//     one process are linearizable.
//   - A reader may join only an in-flight call that has not started yet: one that has started may return something older
//     than what the reader has seen. So for each key, one call runs and one waits, even under constant writes.
//   - No response is served for longer than maxAge, whatever has changed the database.
type ResponseCache struct {
	mu        sync.Mutex
	epoch     int64
	writes    int // in progress
	responses *simplelru.LRU[string, *response]
	bytes     int              // in responses
	calls     map[string]*call // the newest call of each key, until it ends
}

// response is what the cache keeps. Readers share it, so it never changes.
type response struct {
	*content.Content
	link string // to the next page, empty on the last page
	at   time.Time
}

// size estimates how much memory a response takes, in bytes.
func (r *response) size(key string) int { return r.Size() + len(r.link) + len(key) + 512 }

// call is one read of the store for all readers that joined it.
type call struct {
	load    func(context.Context) (*response, error)
	ctx     context.Context //nolint:containedctx // of the call, not of a reader
	cancel  context.CancelFunc
	started bool          // then no reader may join it
	readers int           // that wait for it
	done    chan struct{} // closed when response and err are final

	response *response
	err      error
}

// PanicError is a panic in a call. Its readers get it as an error, because they run in other goroutines.
type PanicError struct {
	Value any
	Stack []byte
}

// Error describes the panic without its stack.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// NewResponseCache returns an empty cache.
func NewResponseCache() *ResponseCache {
	c := &ResponseCache{calls: map[string]*call{}}
	var err error
	c.responses, err = simplelru.NewLRU(maxResponses, func(key string, r *response) { c.bytes -= r.size(key) })
	if err != nil {
		panic(err) // the size is not positive
	}
	return c
}

// get returns the response from the cache, or else the result of load, which reads the store. The error is that of one of
// the functions, or of the context. A reader that neither finds a response nor a call to join calls begin, which may wait.
// If that is still so afterwards, it calls count, which must not wait. The reader waits for its call for at most ReadTimeout.
func (c *ResponseCache) get(
	ctx context.Context, key string, begin, count func() error, load func(context.Context) (*response, error),
) (*response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	cached, joined := c.lookUp(key)
	if cached == nil && joined == nil {
		c.mu.Unlock()
		// No call starts before its reader may read, so the readers that join it do not wait for the turn of another client.
		if err := begin(); err != nil {
			return nil, err
		}
		c.mu.Lock()
		cached, joined = c.lookUp(key)
	}
	if cached != nil {
		c.mu.Unlock()
		return cached, nil
	}
	if joined == nil {
		if err := count(); err != nil {
			c.mu.Unlock()
			return nil, err
		}
		joined = &call{load: load, done: make(chan struct{})}
		joined.ctx, joined.cancel = context.WithCancel(context.WithoutCancel(ctx)) // keeps the trace of the first reader
		go c.run(key, joined, c.calls[key])
		c.calls[key] = joined
	}
	joined.readers++
	c.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, ReadTimeout)
	defer cancel()
	select {
	case <-joined.done:
		return joined.response, joined.err
	case <-ctx.Done():
		c.leave(joined)
		return nil, ctx.Err()
	}
}

// lookUp returns the response that a reader may get now, or else the call that it may join. It needs the lock.
func (c *ResponseCache) lookUp(key string) (*response, *call) {
	if r, ok := c.responses.Get(key); ok && c.writes == 0 && time.Since(r.at) < maxAge {
		return r, nil
	}
	if newest := c.calls[key]; newest != nil && !newest.started && newest.readers > 0 {
		return nil, newest
	}
	return nil, nil
}

// leave ends the call when its last reader has left. So a call ends at ReadTimeout at the latest: no reader joins it once
// it has started.
func (c *ResponseCache) leave(left *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	left.readers--
	if left.readers == 0 {
		left.cancel()
	}
}

// run waits for the previous call of the key, which may be nil. Then it calls load, unless all readers have left, and caches
// the response, unless something has changed since.
func (c *ResponseCache) run(key string, running, previous *call) {
	if previous != nil {
		<-previous.done
	}
	c.mu.Lock()
	running.started = true
	at, epoch := time.Now(), c.epoch
	c.mu.Unlock()
	if running.err = running.ctx.Err(); running.err == nil {
		running.response, running.err = running.loadOrRecover()
	}
	running.cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	if running.err == nil {
		running.response.at = at
		if c.epoch == epoch {
			c.keep(key, running.response)
		}
	}
	close(running.done)
	if c.calls[key] == running {
		delete(c.calls, key)
	}
}

func (l *call) loadOrRecover() (_ *response, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &PanicError{Value: p, Stack: debug.Stack()}
		}
	}()
	return l.load(l.ctx)
}

func (c *ResponseCache) keep(key string, r *response) {
	size := r.size(key)
	if size > maxResponseBytes/2 {
		return
	}
	c.responses.Remove(key) // subtracts the size of the previous one
	c.responses.Add(key, r)
	c.bytes += size
	for c.bytes > maxResponseBytes {
		c.responses.RemoveOldest()
	}
}

// Changed begins a new epoch, because something has changed. The responses of the last one only take up memory.
func (c *ResponseCache) Changed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	c.responses.Purge()
}

// write begins a write. end must follow, whether the write succeeds or not, and before its client gets the response.
func (c *ResponseCache) write() (end func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes++
	return c.endWrite
}

func (c *ResponseCache) endWrite() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes--
	c.epoch++
	c.responses.Purge()
}
