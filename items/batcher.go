package items

import (
	"context"
	"slices"
	"sync"
)

// Batcher runs the jobs of several callers together: a database commits them with one fsync, which is most of what a
// write costs. A job that comes alone runs at once.
//
// It needs no goroutine: the first caller that waits runs the jobs of all.
type Batcher[T any] struct {
	limit int
	run   func([]T)
	// running holds a value while a caller runs a batch.
	running chan struct{}

	mu      sync.Mutex
	waiting []*queued[T]
}

// queued is the job of one caller.
type queued[T any] struct {
	job  T
	done chan struct{} // closed once the job has run
}

// NewBatcher returns a batcher that calls run with at most limit jobs. It makes one call at a time.
func NewBatcher[T any](limit int, run func([]T)) *Batcher[T] {
	return &Batcher[T]{limit: limit, run: run, running: make(chan struct{}, 1)}
}

// Run returns nil once the job has run; the job itself holds its outcome. If the context ends before the job has begun,
// Run withdraws the job and returns the context's error.
func (b *Batcher[T]) Run(ctx context.Context, job T) error {
	own := &queued[T]{job: job, done: make(chan struct{})}
	b.mu.Lock()
	b.waiting = append(b.waiting, own)
	b.mu.Unlock()

	ended := ctx.Done()
	for {
		select {
		case <-own.done:
			return nil
		case b.running <- struct{}{}:
			b.runBatch()
			<-b.running
		case <-ended:
			if b.withdraw(own) {
				return ctx.Err()
			}
			ended = nil // the job is running, and its outcome will be known in a moment
		}
	}
}

// RunAlone calls do while no batch is running. If the context ends before that, it returns the context's error.
func (b *Batcher[T]) RunAlone(ctx context.Context, do func()) error {
	select {
	case b.running <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-b.running }()
	do()
	return nil
}

// withdraw removes a job that has not begun. It reports false if the job has begun.
func (b *Batcher[T]) withdraw(own *queued[T]) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.Index(b.waiting, own)
	if i < 0 {
		return false
	}
	b.waiting = slices.Delete(b.waiting, i, i+1)
	return true
}

// runBatch runs the jobs that are waiting.
func (b *Batcher[T]) runBatch() {
	b.mu.Lock()
	batch := b.waiting[:min(len(b.waiting), b.limit)]
	b.waiting = slices.Clone(b.waiting[len(batch):])
	b.mu.Unlock()

	if len(batch) == 0 {
		return // the previous batch included the caller's job
	}
	jobs := make([]T, len(batch))
	for i, q := range batch {
		jobs[i] = q.job
	}
	b.run(jobs)
	for _, q := range batch {
		close(q.done)
	}
}
