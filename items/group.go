package items

import (
	"context"
	"sync"
)

// Group has what several callers want done at the same time done together: a database commits all of it with one fsync,
// which is most of what a write costs. What comes alone is done at once.
//
// No goroutine is kept for it: the first of those who wait leads, and does the jobs of all.
type Group[T any] struct {
	most int
	do   func([]T)
	// leading holds a value while somebody leads.
	leading chan struct{}

	mu      sync.Mutex
	waiting []*queued[T]
}

// queued is one caller's part of a group.
type queued[T any] struct {
	job  T
	done chan struct{} // closed once the job is done
}

// NewGroup returns a group whose jobs are done by calls of do, one at a time, each with the jobs of at most so many
// callers: the first of them waits for the last.
func NewGroup[T any](most int, do func([]T)) *Group[T] {
	return &Group[T]{most: most, do: do, leading: make(chan struct{}, 1)}
}

// Run returns nil once the job was done, whatever came of it. It returns the context's error when that ends before the job
// was begun, which then never is.
func (g *Group[T]) Run(ctx context.Context, job T) error {
	own := &queued[T]{job: job, done: make(chan struct{})}
	g.mu.Lock()
	g.waiting = append(g.waiting, own)
	g.mu.Unlock()

	withdrawn := ctx.Done()
	for {
		select {
		case <-own.done:
			return nil
		case g.leading <- struct{}{}:
			g.lead()
			<-g.leading
		case <-withdrawn:
			if g.withdraw(own) {
				return ctx.Err()
			}
			withdrawn = nil // it is being done: what comes of it is known in a moment
		}
	}
}

// RunAlone calls do while no job is being done. It returns the context's error when that ends before.
func (g *Group[T]) RunAlone(ctx context.Context, do func()) error {
	select {
	case g.leading <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-g.leading }()
	do()
	return nil
}

// RunLast calls do once no job is being done, however long that takes.
func (g *Group[T]) RunLast(do func()) {
	g.leading <- struct{}{}
	defer func() { <-g.leading }()
	do()
}

// withdraw takes a job back. It reports false when it is too late for that.
func (g *Group[T]) withdraw(own *queued[T]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, waiting := range g.waiting {
		if waiting == own {
			g.waiting = append(g.waiting[:i], g.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// lead does the jobs that wait.
func (g *Group[T]) lead() {
	g.mu.Lock()
	group := g.waiting[:min(len(g.waiting), g.most)]
	g.waiting = append([]*queued[T](nil), g.waiting[len(group):]...)
	g.mu.Unlock()

	if len(group) == 0 {
		return // the leader before has done them
	}
	jobs := make([]T, len(group))
	for i, m := range group {
		jobs[i] = m.job
	}
	g.do(jobs)
	for _, m := range group {
		close(m.done)
	}
}
