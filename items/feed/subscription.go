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
	// BeginRead is called before each read of missed events from the store, unless it is nil. It may wait, and end is called
	// after the read. Take returns its error.
	BeginRead func() (end func(), err error)

	feed  *ChangeFeed
	start EventID
	// last is the newest event that the subscriber has seen, and resets is how many resets the feed had then.
	last   EventID
	resets int
	// joined is true once the subscriber has caught up with the events in memory.
	joined bool
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
	start := EventID{f.position.ID, f.position.Newest}
	if after != nil {
		start = *after
	}
	return &Subscription{feed: f, start: start, last: start, resets: f.resets, joined: after == nil}, nil
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
	f := s.feed
	for {
		f.mu.RLock()
		position, resets, list, oldest, more, ended := f.position, f.resets, f.events, f.oldest, f.more, f.ended
		f.mu.RUnlock()
		behind := position.Newest - s.last.Number
		switch {
		case s.resets != resets || s.last.Feed != position.ID || !s.joined && behind > maxCatchUp:
			s.resets = resets
			return s.reset(position), nil, nil
		case s.last.Number >= oldest && (s.joined || behind >= 0):
			s.joined = true
			// A subscriber that comes from another replica may have seen events that this one reads later.
			first := sort.Search(len(list), func(i int) bool { return list[i].ID.Number > s.last.Number })
			end := min(len(list), first+maxBatch)
			switch events = list[first:end:end]; {
			case len(events) > 0:
				s.last = events[len(events)-1].ID
				return events, nil, nil
			case ended:
				return nil, nil, ErrEnded
			}
			return nil, more, nil
		case s.joined:
			return nil, nil, ErrBehind
		}
		if events, err = s.catchUp(ctx, position); err != nil || len(events) > 0 {
			return events, nil, err
		}
	}
}

// reset returns the event that replaces all events up to the position.
func (s *Subscription) reset(position items.Feed) []*Event {
	e := newReset(position)
	s.last, s.joined = e.ID, true
	return []*Event{e}
}

// catchUp returns missed events from the store. Without missed events, the subscriber continues with the events in memory.
func (s *Subscription) catchUp(ctx context.Context, position items.Feed) ([]*Event, error) {
	f := s.feed
	if s.BeginRead != nil {
		end, err := s.BeginRead()
		if err != nil {
			return nil, err
		}
		defer end()
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
		switch {
		case err != nil:
			return nil, err
		case now.ID != s.last.Feed || now.Newest < s.last.Number:
			return s.reset(position), nil
		}
		s.joined = true
		return nil, nil
	}
	changes, err := f.store.Changes(ctx, s.last.Number, maxBatch)
	if err != nil {
		return nil, err
	}
	now, err := f.store.Feed(ctx) // read last, because changes may be pruned at any time
	if err != nil {
		return nil, err
	}
	events, many, err := newEvents(position.ID, changes)
	switch {
	case err != nil:
		return nil, err
	case many || now.Pruned > s.last.Number:
		return s.reset(position), nil
	case len(changes) < maxBatch:
		s.last.Number = position.Newest // everything up to there has been read
	}
	if len(events) > 0 {
		s.last.Number = max(s.last.Number, events[len(events)-1].ID.Number)
	}
	return events, nil
}
