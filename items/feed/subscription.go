package feed

import (
	"context"
	"sort"
	"time"

	"menu-api/items"
)

const (
	// maxCatchUp is how many numbers a subscriber may be behind. Beyond it, reloading the menu is less work.
	maxCatchUp = 10_000
	// maxBatch bounds the events that Take returns at once.
	maxBatch = 256
	// maxReaders is how many subscribers read missed events from the store at the same time.
	maxReaders = 4
)

// Subscription is the place of one subscriber among the events. Only one goroutine may use it at a time.
type Subscription struct {
	feed  *ChangeFeed
	start EventID
	// last is the newest event that the subscriber has seen.
	last EventID
	// joined is true once the subscriber reads from the list of the feed. index is its place there, counted from the first
	// event of the process.
	joined bool
	index  int64
}

// Subscribe subscribes to all events after the id, or from now on if it is nil. If the id is not one of this feed, or too
// much has happened since, the first event is a reset.
//
// Subscribe waits for the feed to start. The caller must close the subscription. Subscribe returns items.ErrUnavailable if
// the start takes too long, ErrEnded, or the context's error.
func (f *ChangeFeed) Subscribe(ctx context.Context, after *EventID) (*Subscription, error) {
	select {
	case <-f.started:
	case <-time.After(readTimeout):
		return nil, items.ErrUnavailable
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		return nil, ErrEnded
	}
	f.subscribers++
	s := &Subscription{feed: f}
	if after == nil {
		s.start = EventID{f.position.ID, f.position.Newest}
		s.join(f.dropped + int64(len(f.events)))
	} else {
		s.start = *after
	}
	s.last = s.start
	return s, nil
}

// Close ends the subscription. Call it once.
func (s *Subscription) Close() {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	s.feed.subscribers--
}

// Start is the id after which the subscription began.
func (s *Subscription) Start() EventID { return s.start }

// Take returns the next events, at most a few hundred, without waiting. If there are no events, more is closed as soon as
// there are some.
//
// Take returns ErrBehind if the subscriber was too slow, and ErrEnded after the last event. Reading missed events may fail
// with an error of the store.
func (s *Subscription) Take(ctx context.Context) (events []*Event, more <-chan struct{}, err error) {
	for !s.joined {
		if events, err = s.catchUp(ctx); err != nil || len(events) > 0 {
			return events, nil, err
		}
	}
	f := s.feed
	f.mu.RLock()
	defer f.mu.RUnlock()
	for {
		if s.index < f.dropped {
			if len(f.events) == 0 || !f.events[0].IsReset() {
				return nil, nil, ErrBehind
			}
			s.index = f.dropped // the reset replaces what was dropped
		}
		events = f.events[s.index-f.dropped:]
		events = events[:min(len(events), maxBatch):min(len(events), maxBatch)]
		s.index += int64(len(events))
		if len(events) == 0 && f.ended {
			return nil, nil, ErrEnded
		}
		if len(events) == 0 {
			return nil, f.more, nil
		}
		// A subscriber that comes from another replica may have seen events that this one reads later.
		for len(events) > 0 && !events[0].IsReset() && events[0].ID.Number <= s.last.Number {
			events = events[1:]
		}
		if len(events) > 0 {
			s.last = events[len(events)-1].ID
			return events, nil, nil
		}
	}
}

func (s *Subscription) join(index int64) { s.joined, s.index = true, index }

// catchUp either joins the list of the feed or returns missed events from the store. It may do neither: then the next call
// continues.
func (s *Subscription) catchUp(ctx context.Context) ([]*Event, error) {
	f := s.feed
	f.mu.RLock()
	position, oldest := f.position, f.oldest
	next := f.dropped + int64(sort.Search(len(f.events), func(i int) bool { return f.events[i].ID.Number > s.last.Number }))
	end := f.dropped + int64(len(f.events))
	f.mu.RUnlock()
	reset := func() ([]*Event, error) {
		e := newReset(position)
		s.last = e.ID
		s.join(end)
		return []*Event{e}, nil
	}
	switch behind := position.Newest - s.last.Number; {
	case s.last.Feed != position.ID || behind > maxCatchUp:
		return reset()
	case behind >= 0 && s.last.Number >= oldest:
		s.join(next)
		return nil, nil
	}

	select {
	case f.readers <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-f.readers }()
	if s.last.Number > position.Newest {
		// Another replica may have read further. Otherwise the number is made up or of a later state of the database.
		now, err := f.store.Feed(ctx)
		if err != nil {
			return nil, err
		}
		if now.ID != s.last.Feed || now.Newest < s.last.Number {
			return reset()
		}
		s.join(end)
		return nil, nil
	}
	changes, err := f.store.Changes(ctx, s.last.Number, maxBatch)
	if err != nil {
		return nil, err
	}
	events, many, err := newEvents(position.ID, changes)
	switch {
	case err != nil:
		return nil, err
	case many:
		return reset()
	case len(changes) < maxBatch:
		s.last.Number = position.Newest // everything up to there has been read
	}
	if len(events) > 0 {
		s.last.Number = max(s.last.Number, events[len(events)-1].ID.Number)
	}
	return events, nil
}
