package items

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"
)

var (
	// ErrBehind says that a subscriber was so slow that events which it has not taken are kept no longer.
	ErrBehind = errors.New("the subscriber is too far behind")
	// ErrFollowerEnded says that the follower has ended, so that nothing more will come.
	ErrFollowerEnded = errors.New("the follower has ended")
)

const (
	// followerPage is how many changes the follower reads at once.
	followerPage = 500
	// followerTimeout bounds one read of the feed: a store that hangs is one that has failed.
	followerTimeout = 5 * time.Second
	// maxKept and maxKeptBytes bound the events that are kept for subscribers.
	maxKept      = 4096
	maxKeptBytes = 8 << 20
	// maxCatchUp is how many changes a subscriber may have missed. Beyond it, getting the menu anew is less work.
	maxCatchUp = 10_000
	// maxBatch bounds what Take returns at once.
	maxBatch = 256
	// maxReaders is how many subscribers read what they missed from the store at the same time.
	maxReaders = 4
	// checkPause is how often the follower makes sure that the feed is still the one it follows.
	checkPause = 10 * time.Second

	// readPause is the least time from one read of the feed to the next: changes in quick succession are read together, or
	// each write would cost a read of the store as well.
	readPause = 10 * time.Millisecond

	minPause = 100 * time.Millisecond
	maxPause = 2 * time.Second
)

// Follower reads the feed of a store once for the whole process and hands every change on to all who subscribe. It keeps
// the newest events in one list, in which each subscriber has a place. So a subscriber costs a few words, however many
// events there are, and needs no goroutine of the follower's.
type Follower struct {
	store   Store
	log     *slog.Logger
	begun   chan struct{} // closed once newest is set
	readers chan struct{} // holds a value for each subscriber that reads from the store
	checked time.Time     // when the feed was last made sure of; Run's alone

	mu     sync.RWMutex
	events []*Event
	// dropped is how many events there were before those in the list.
	dropped int64
	bytes   int    // of the frames in the list
	oldest  Cursor // the place before the first event in the list
	newest  Cursor // the place after the last
	more    chan struct{}
	ended   bool
	// subscribers counts those who may still ask for events.
	subscribers int
	first       []func() // called when something has changed, before anybody else hears of it
	// confirmed is when the newest read began that found no more than it returned.
	confirmed time.Time
}

// NewFollower returns a follower that does nothing before Run. A nil logger logs nothing.
func NewFollower(store Store, log *slog.Logger) *Follower {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Follower{
		store: store, log: log,
		begun: make(chan struct{}), readers: make(chan struct{}, maxReaders), more: make(chan struct{}),
	}
}

// First has do called whenever something has changed, before any subscriber hears of it. do must not call the follower.
func (f *Follower) First(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.first = append(f.first, do)
}

// Run follows the feed, from now, until the context ends. While the store fails it tries again and again; no change is
// missed over that.
func (f *Follower) Run(ctx context.Context) {
	defer f.end()
	pause, failing := minPause, false
	for ctx.Err() == nil {
		started := time.Now()
		more, err := f.read(ctx)
		switch {
		case err == nil && failing:
			f.log.Info("the feed of changes is followed again")
			failing, pause = false, minPause
		case err != nil && ctx.Err() == nil && !failing:
			f.log.Warn("the feed of changes cannot be read; trying again", "err", err)
			failing = true
		}
		switch {
		case err != nil:
			f.checked = time.Time{} // the store may come back as another
			sleep(ctx, pause)
			pause = min(2*pause, maxPause)
		case !more:
			_ = f.store.Await(ctx) // whatever it says, the next read tells
			sleep(ctx, readPause-time.Since(started))
		}
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// read takes in the next changes, and reports whether there may be more.
func (f *Follower) read(ctx context.Context) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, followerTimeout)
	defer cancel()
	started := time.Now()
	if !f.isWatched() {
		return false, f.pass(ctx, started)
	}
	if f.newest == nil || time.Since(f.checked) > checkPause {
		if _, err := f.check(ctx); err != nil {
			return false, err
		}
	}
	changes, next, err := f.store.Changes(ctx, f.newest, followerPage)
	if err != nil {
		return false, err
	}
	events, err := f.eventsOf(ctx, changes, f.newest, next)
	if err != nil {
		return false, err
	}
	more = len(changes) == followerPage
	f.publish(events, func() {
		if !more {
			f.confirmed = started
		}
	})
	return more, nil
}

// check begins at the end of the feed. Later it makes sure that the feed reaches as far as it was read: if it does not,
// the store was set back to an earlier state, and everything may have changed. It returns the end of the feed.
func (f *Follower) check(ctx context.Context) (Cursor, error) {
	_, now, err := f.store.Changes(ctx, nil, 0)
	if err != nil {
		return nil, err
	}
	f.checked = time.Now()
	switch {
	case f.newest == nil:
		f.mu.Lock()
		f.oldest, f.newest = now, now
		f.mu.Unlock()
		close(f.begun)
	case len(now) != len(f.newest) || !now.reaches(f.newest):
		f.log.Warn("the store was set back to an earlier state")
		f.restart(now)
	}
	return now, nil
}

// pass goes to the end of the feed past changes that nobody has subscribed to: their rows need not be read, nor events made
// of them. That something has changed is told all the same. One who subscribes later, and wants them, reads them from the
// store.
func (f *Follower) pass(ctx context.Context, started time.Time) error {
	now, err := f.check(ctx)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.subscribers > 0 {
		return nil // somebody has come meanwhile, who is told of everything from the next read on
	}
	f.confirmed = started
	if !f.newest.reaches(now) {
		f.dropped += int64(len(f.events))
		f.events, f.bytes = nil, 0
		f.oldest, f.newest = now, now
		f.wake()
	}
	return nil
}

func (f *Follower) isWatched() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.subscribers > 0
}

// eventsOf returns the events of changes that stand between two cursors.
//
// A change of everything stands in one lane, and older changes in others may still come behind it. So it takes the place
// of all that has happened up to the moment at which it is seen.
func (f *Follower) eventsOf(ctx context.Context, changes []Change, from, to Cursor) ([]*Event, error) {
	if slices.ContainsFunc(changes, func(c Change) bool { return c.ItemID == 0 }) {
		_, now, err := f.store.Changes(ctx, nil, 0)
		if err != nil {
			return nil, err
		}
		return []*Event{everythingAt(furthest(now, to))}, nil
	}
	events := make([]*Event, len(changes))
	for i, change := range changes {
		var err error
		if events[i], err = eventOf(change, from); err != nil {
			return nil, err
		}
		from = events[i].After
	}
	return events, nil
}

// publish adds events to the list and wakes those who wait for them. It calls do under the lock.
func (f *Follower) publish(events []*Event, do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
	if len(events) == 0 {
		return
	}
	f.events = append(f.events, events...)
	for _, e := range events {
		f.bytes += len(e.frame)
	}
	f.newest = events[len(events)-1].After
	// Subscribers hold parts of the list, so what is dropped stays in its array until append moves to another.
	for len(f.events) > maxKept || f.bytes > maxKeptBytes {
		f.bytes -= len(f.events[0].frame)
		f.oldest = f.events[0].After
		f.events = f.events[1:]
		f.dropped++
	}
	f.wake()
}

// restart drops what came from a store that is no more, and tells everyone.
func (f *Follower) restart(now Cursor) {
	f.mu.Lock()
	defer f.mu.Unlock()
	reset := everythingAt(now)
	reset.restart = true
	f.dropped += int64(len(f.events))
	f.events, f.bytes = []*Event{reset}, len(reset.frame)
	f.oldest, f.newest = now, now
	f.wake()
}

func (f *Follower) wake() {
	for _, do := range f.first {
		do()
	}
	close(f.more)
	f.more = make(chan struct{})
}

func (f *Follower) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	f.wake()
}

// Confirmed returns a moment before which no change was made that is not among the events, zero before the first. While
// the store answers it is at most PollInterval and the time of a read ago.
func (f *Follower) Confirmed() time.Time {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.confirmed
}
