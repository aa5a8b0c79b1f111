package items

import (
	"context"
	"time"
)

// Subscription is one subscriber's place among the events. It is used by one goroutine at a time, and closed when it is not
// used any more.
type Subscription struct {
	follower *Follower
	// joined is true once the place is in the follower's list; index is the place there, counted from the first event of all.
	joined bool
	index  int64
	// cursor is the place before joining. Afterwards it is what was seen already of events that are still to come, nil when
	// they are all new.
	cursor Cursor
	// known is true when the store has been seen to reach the cursor.
	known bool
	start Cursor
}

// Subscribe subscribes to all events after the cursor, or after now if it is nil. If the follower does not know the cursor,
// or too much has happened since, the first event says that everything may have changed.
//
// It waits for the follower to begin. The subscription must be closed. Returns ErrUnavailable if that takes long,
// ErrFollowerEnded, and the context's error when the context ends first.
func (f *Follower) Subscribe(ctx context.Context, after Cursor) (*Subscription, error) {
	timer := time.NewTimer(followerTimeout)
	defer timer.Stop()
	select {
	case <-f.begun:
	case <-timer.C:
		return nil, ErrUnavailable
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		return nil, ErrFollowerEnded
	}
	f.subscribers++
	s := &Subscription{follower: f, cursor: after, start: after}
	if after == nil {
		s.start = f.newest
		s.joinAt(f.dropped+int64(len(f.events)), nil)
	}
	return s, nil
}

// Close ends the subscription. It is called once.
func (s *Subscription) Close() {
	s.follower.mu.Lock()
	defer s.follower.mu.Unlock()
	s.follower.subscribers--
}

// Start is the place before the first event: the one that was asked for, or the now of the subscription.
func (s *Subscription) Start() Cursor { return s.start }

// Take returns the next events, some hundreds at most, without waiting for any. When there are none, more is closed as soon
// as there is something to take.
//
// Returns ErrBehind when the subscriber was too slow, and ErrFollowerEnded after the last event. Reading from the store
// what was missed before the subscription may fail with the store's errors.
func (s *Subscription) Take(ctx context.Context) (events []*Event, more <-chan struct{}, err error) {
	for !s.joined {
		if events, err = s.catchUp(ctx); err != nil || len(events) > 0 {
			return events, nil, err
		}
	}
	f := s.follower
	f.mu.RLock()
	defer f.mu.RUnlock()
	for {
		if s.index < f.dropped {
			return nil, nil, ErrBehind
		}
		events = f.events[s.index-f.dropped:]
		events = events[:min(len(events), maxBatch):min(len(events), maxBatch)]
		s.index += int64(len(events))
		switch {
		case len(events) == 0 && f.ended:
			return nil, nil, ErrFollowerEnded
		case len(events) == 0:
			return nil, f.more, nil
		}
		if events = s.fresh(events); len(events) > 0 {
			return events, nil, nil
		}
	}
}

// Next waits for events and returns them, with the errors of Take, and the context's when the context ends first.
func (s *Subscription) Next(ctx context.Context) ([]*Event, error) {
	for {
		events, more, err := s.Take(ctx)
		if err != nil || len(events) > 0 {
			return events, err
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *Subscription) joinAt(index int64, seen Cursor) {
	s.joined, s.index, s.cursor = true, index, seen
}

// fresh leaves out what was seen before joining: the store may have been read further than the follower was.
func (s *Subscription) fresh(events []*Event) []*Event {
	if s.cursor == nil {
		return events
	}
	var fresh []*Event
	for i, e := range events {
		if e.restart {
			s.cursor = nil // it was of a time that is no more
			return events[i:]
		}
		if e.After.reaches(s.cursor) {
			// From here on the follower is ahead in every lane.
			if !e.isNewTo(s.cursor) {
				i++
			}
			s.cursor = nil
			return append(fresh, events[i:]...)
		}
		if e.isNewTo(s.cursor) {
			e = e.from(s.cursor)
			s.cursor = e.After
			fresh = append(fresh, e)
		}
	}
	return fresh
}

// catchUp goes one step towards the follower's list: it joins, or returns events from the store.
func (s *Subscription) catchUp(ctx context.Context) ([]*Event, error) {
	f := s.follower
	f.mu.RLock()
	oldest, newest, first, end := f.oldest, f.newest, f.dropped, f.dropped+int64(len(f.events))
	f.mu.RUnlock()
	switch {
	case s.cursor == nil || len(s.cursor) != len(newest) || s.cursor.behind(newest, maxCatchUp):
		s.joinAt(end, nil)
		return []*Event{everythingAt(newest)}, nil
	case newest.reaches(s.cursor):
		s.known = true
	}
	if s.known && s.cursor.reaches(oldest) {
		s.joinAt(first, s.cursor)
		return nil, nil
	}

	select {
	case f.readers <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-f.readers }()
	if !s.known {
		// Another replica may have read further. Or the cursor is made up, or of a database that was set back since.
		_, now, err := f.store.Changes(ctx, nil, 0)
		if err != nil {
			return nil, err
		}
		if s.known = now.reaches(s.cursor); !s.known {
			s.cursor = nil
		}
		return nil, nil
	}
	changes, next, err := f.store.Changes(ctx, s.cursor, maxBatch)
	if err != nil {
		return nil, err
	}
	events, err := f.eventsOf(ctx, changes, s.cursor, next)
	if err != nil {
		return nil, err
	}
	if len(events) > 0 {
		next = events[len(events)-1].After
	}
	if len(changes) < maxBatch {
		next = furthest(next, newest) // there is nothing before it that was not read
	}
	s.cursor = next
	return events, nil
}
