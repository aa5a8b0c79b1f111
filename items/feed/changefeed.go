// Package feed publishes the changes of the menu while they happen. One ChangeFeed for each process reads them from the
// store; any number of clients subscribe to it as server-sent events.
package feed

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"menu-api/items"
)

var (
	// ErrBehind says that a subscriber was so slow that the next event is no longer in memory.
	ErrBehind = errors.New("the subscriber is too far behind")
	// ErrEnded says that the change feed has ended, so no events will follow.
	ErrEnded = errors.New("the change feed has ended")
	// ErrTooManyClients says that the number of event streams has reached its limit.
	ErrTooManyClients = errors.New("too many clients follow the menu")
)

const (
	// pageSize is how many changes the feed reads at once.
	pageSize = 500
	// readTimeout bounds one read: a store that hangs counts as failed.
	readTimeout = 5 * time.Second
	// maxEvents and maxBytes bound the events in memory.
	maxEvents = 4096
	maxBytes  = 8 << 20
	// checkInterval is how often the feed checks that the store still has the same feed.
	checkInterval = 10 * time.Second
	// minReadInterval is the shortest time between two reads. Changes in quick succession are read together; otherwise
	// every write would cost a read of the store as well.
	minReadInterval = 10 * time.Millisecond

	minRetryDelay = 100 * time.Millisecond
	maxRetryDelay = 2 * time.Second
)

// Store is the part of items.Store that a change feed reads.
type Store interface {
	Changes(ctx context.Context, after int64, limit int) ([]items.Change, error)
	Feed(ctx context.Context) (items.Feed, error)
	Wait(ctx context.Context) error
}

// ChangeFeed reads the changes of a store once for the whole process. It keeps the newest events in one list for all
// subscribers. A subscriber therefore costs a few words of memory and no goroutine.
type ChangeFeed struct {
	store   Store
	log     *slog.Logger
	started chan struct{} // closed once position is set
	readers chan struct{} // limits the subscribers that read from the store
	checked time.Time     // when Run last called the store's Feed

	mu sync.RWMutex
	// position is the feed of the store and the number up to which it was read.
	position items.Feed
	// events are the events after the number oldest, up to position.
	events []*Event
	oldest int64
	bytes  int           // of the frames in events
	resets int           // how often the menu changed as a whole, so that every subscriber needs a reset
	more   chan struct{} // closed when there are new events or a reset

	subscribers int
	onChange    []func()
	ended       bool
}

// New returns a change feed that starts with Run. A nil logger logs nothing.
func New(store Store, log *slog.Logger) *ChangeFeed {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &ChangeFeed{
		store: store, log: log,
		started: make(chan struct{}), readers: make(chan struct{}, maxReaders), more: make(chan struct{}),
	}
}

// OnChange calls do after every change, before any subscriber sees it. do must not call the change feed.
func (f *ChangeFeed) OnChange(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.onChange = append(f.onChange, do)
}

// Run follows the store, starting now, until the context ends. If the store fails, it retries and misses no change.
func (f *ChangeFeed) Run(ctx context.Context) {
	defer f.end()
	delay, failing := minRetryDelay, false
	for ctx.Err() == nil {
		began := time.Now()
		more, err := f.read(ctx)
		switch {
		case err != nil:
			if !failing && ctx.Err() == nil {
				f.log.Warn("cannot read the change feed; retrying", "error", err)
				failing = true
			}
			f.checked = time.Time{} // the store may come back as another one
			items.Sleep(ctx, delay)
			delay = min(2*delay, maxRetryDelay)
			continue
		case failing:
			f.log.Info("the change feed works again")
			delay, failing = minRetryDelay, false
		}
		if !more {
			_ = f.store.Wait(ctx) // the next read returns its error, if any
			items.Sleep(ctx, minReadInterval-time.Since(began))
		}
	}
}

// read reads the next changes and reports whether there may be more.
//
// Without subscribers it only moves to the newest number. A subscriber that resumes later reads the
// missed events from the store.
func (f *ChangeFeed) read(ctx context.Context) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	f.mu.RLock()
	idle := f.subscribers == 0
	f.mu.RUnlock()
	if idle || time.Since(f.checked) > checkInterval {
		if err := f.check(ctx); err != nil || idle {
			return false, err
		}
	}
	changes, err := f.store.Changes(ctx, f.position.Newest, pageSize)
	if err != nil {
		return false, err
	}
	events, reset, err := newEvents(f.position.ID, changes)
	switch {
	case err != nil:
		return false, err
	case reset: // perhaps by an import that replaced the database and its feed
		now, err := f.store.Feed(ctx)
		if err != nil {
			return false, err
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.resets++
		f.moveTo(now)
		return true, nil
	}
	f.publish(events)
	return len(changes) == pageSize, nil
}

// check compares the position with the store.
func (f *ChangeFeed) check(ctx context.Context) error {
	now, err := f.store.Feed(ctx)
	if err != nil {
		return err
	}
	f.checked = time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.position.ID == "":
		f.moveTo(now)
		close(f.started)
	case now.ID != f.position.ID || now.Newest < f.position.Newest || now.Pruned > f.position.Newest:
		f.log.Warn("the change feed restarts: the database was replaced or restored, or changes were pruned before they were read")
		f.resets++
		f.moveTo(now)
	case f.subscribers == 0 && now.Newest > f.position.Newest:
		f.moveTo(now)
	}
	return nil
}

// moveTo continues after the number, without the events up to it. The caller holds the lock.
func (f *ChangeFeed) moveTo(now items.Feed) {
	f.events, f.bytes = nil, 0
	f.position, f.oldest = now, now.Newest
	f.wake()
}

// newEvents turns changes into events, or reports a reset if one of them means that many items have changed.
func newEvents(feed string, changes []items.Change) (events []*Event, reset bool, err error) {
	events = make([]*Event, len(changes))
	for i, change := range changes {
		if change.ItemID == 0 {
			return nil, true, nil
		}
		if events[i], err = newEvent(feed, change); err != nil {
			return nil, false, err
		}
	}
	return events, false, nil
}

func (f *ChangeFeed) publish(events []*Event) {
	if len(events) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events = append(f.events, events...)
	for _, e := range events {
		f.bytes += len(e.frame)
	}
	f.position.Newest = events[len(events)-1].ID.Number
	// Subscribers hold slices of the list, so dropped events stay in its array until append moves the list.
	for len(f.events) > maxEvents || f.bytes > maxBytes {
		f.bytes -= len(f.events[0].frame)
		f.oldest = f.events[0].ID.Number
		f.events = f.events[1:]
	}
	f.wake()
}

func (f *ChangeFeed) wake() {
	for _, do := range f.onChange {
		do()
	}
	close(f.more)
	f.more = make(chan struct{})
}

func (f *ChangeFeed) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	f.wake()
}
