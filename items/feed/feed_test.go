package feed_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"menu-api/items"
	"menu-api/items/feed"
	"menu-api/items/storetest"
)

// timeout bounds the wait for what takes moments.
const timeout = 30 * time.Second

// fakeStore is the feed of a store that a test writes and breaks. The tests with real engines are in storetest.
type fakeStore struct {
	notifier items.Notifier
	mu       sync.Mutex
	err      error
	id       string
	first    int64 // the number before the first change
	changes  []items.Change
	stuck    bool // Changes returns nothing
}

func (s *fakeStore) Changes(_ context.Context, after int64, limit int) ([]items.Change, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var page []items.Change
	for _, change := range s.changes {
		if change.Number > after && len(page) < limit && !s.stuck {
			page = append(page, change)
		}
	}
	return page, s.err
}

func (s *fakeStore) Feed(context.Context) (items.Feed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return items.Feed{ID: s.id, Newest: s.first + int64(len(s.changes))}, s.err
}

func (s *fakeStore) Wait(ctx context.Context) error { return s.notifier.Wait(ctx) }

// add adds n changes of an item.
func (s *fakeStore) add(n int, change items.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		change.Number = s.first + int64(len(s.changes)) + 1
		s.changes = append(s.changes, change)
	}
	s.notifier.Notify()
}

func (s *fakeStore) set(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

var change = items.Change{ItemID: 1, Version: 1, Action: items.Created}

// mustNext returns the next events.
func mustNext(tb testing.TB, subscription *feed.Subscription) []*feed.Event {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	events, err := storetest.NextEvents(ctx, subscription)
	if err != nil {
		tb.Fatalf("NextEvents: %v", err)
	}
	return events
}

func TestSubscribeAfterUnknownID(t *testing.T) {
	t.Parallel()
	const newest = 20_000
	store := &fakeStore{id: "a", first: newest}
	changes := storetest.MustFollow(t, store)
	for name, id := range map[string]feed.EventID{
		"of the future":      {Feed: "a", Number: 1 << 62},
		"of another feed":    {Feed: "b", Number: newest},
		"too far behind":     {Feed: "a", Number: newest - 10_001},
		"of the time before": {Feed: "a", Number: 0},
		"the zero id":        {},
	} {
		subscription := storetest.MustSubscribe(t, changes, &id)
		now, err := store.Feed(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		at := feed.EventID{Feed: "a", Number: now.Newest}
		if events := mustNext(t, subscription); len(events) != 1 || string(events[0].Frame()) != "event: reset\nid: "+at.String()+"\ndata: {}\n\n" {
			t.Errorf("%s: got %q, want a reset at %s", name, events[0].Frame(), at)
		}
		store.add(1, change)
		if events := mustNext(t, subscription); len(events) != 1 || events[0].IsReset() || events[0].ID.Number != at.Number+1 {
			t.Errorf("%s: got %q after the reset, want the next change", name, events[0].Frame())
		}
	}
}

// A subscriber that comes from a replica that is ahead misses nothing and gets nothing twice.
func TestSubscribeAfterIDOfOtherReplica(t *testing.T) {
	t.Parallel()
	store := &fakeStore{id: "a"}
	changes := storetest.MustFollow(t, store)
	storetest.MustSubscribe(t, changes, nil)
	store.set(func() { store.stuck = true })
	store.add(5, change)
	subscription := storetest.MustSubscribe(t, changes, &feed.EventID{Feed: "a", Number: 3})
	if early, more, err := subscription.Take(t.Context()); len(early) > 0 || more == nil || err != nil {
		t.Fatalf("got %v, %v, want nothing yet", early, err)
	}
	store.set(func() { store.stuck = false })
	store.add(2, change)
	for want := int64(4); want <= 7; {
		for _, e := range mustNext(t, subscription) {
			if e.ID.Number != want {
				t.Fatalf("got event %s, want number %d", e.ID, want)
			}
			want++
		}
	}
}

func TestSlowSubscriber(t *testing.T) {
	t.Parallel()
	large := change
	large.After = &items.Item{ID: 1, Description: strings.Repeat("x", 2000)}
	for name, change := range map[string]items.Change{"many events": change, "large events": large} {
		store := &fakeStore{id: "a"}
		changes := storetest.MustFollow(t, store)
		slow := storetest.MustSubscribe(t, changes, nil)
		store.add(6000, change)
		for storetest.MustSubscribe(t, changes, nil).Start().Number < 6000 {
			time.Sleep(time.Millisecond)
		}
		if _, _, err := slow.Take(t.Context()); !errors.Is(err, feed.ErrBehind) {
			t.Errorf("%s: got %v, want ErrBehind", name, err)
		}
		// It reconnects, and gets what it missed from the store.
		start := slow.Start()
		again := storetest.MustSubscribe(t, changes, &start)
		for last := int64(0); last < 6000; {
			for _, e := range mustNext(t, again) {
				if e.ID.Number != last+1 {
					t.Fatalf("%s: got event %s after %d", name, e.ID, last)
				}
				last++
			}
		}
		// A reset replaces all events, so even a slow subscriber gets it.
		store.add(1, items.Change{Action: items.Imported})
		for _, subscription := range []*feed.Subscription{again, slow} {
			if events := mustNext(t, subscription); !events[0].IsReset() {
				t.Errorf("%s: got %s, want the reset", name, events[0].Frame())
			}
		}
	}
}

func TestStoreFails(t *testing.T) {
	t.Parallel()
	store := &fakeStore{id: "a", err: items.ErrUnavailable}
	changes := storetest.MustFollow(t, store)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := changes.Subscribe(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v before the change feed has started, want the context's error", err)
	}
	store.set(func() { store.err = nil })
	subscription := storetest.MustSubscribe(t, changes, nil)
	for range 2 {
		store.set(func() { store.err = items.ErrUnavailable })
		store.add(1, change)
		time.Sleep(2 * items.PollInterval)
		store.set(func() { store.err = nil })
		events := mustNext(t, subscription)
		if len(events) != 1 || events[0].IsReset() {
			t.Errorf("got %s after the failure, want the change", events[0].Frame())
		}
		subscription = storetest.MustSubscribe(t, changes, &events[0].ID)
	}
}

// While the store was away it was replaced.
func TestStoreIsReplaced(t *testing.T) {
	t.Parallel()
	for name, other := range map[string]items.Feed{"by an earlier state": {ID: "a", Newest: 50}, "by another database": {ID: "b", Newest: 200}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &fakeStore{id: "a", first: 100}
			changes := storetest.MustFollow(t, store)
			subscription := storetest.MustSubscribe(t, changes, nil)
			store.add(1, change)
			last := mustNext(t, subscription)[0]
			store.set(func() { store.err = items.ErrUnavailable })
			time.Sleep(2 * items.PollInterval)
			store.set(func() { store.err, store.id, store.first, store.changes = nil, other.ID, other.Newest, nil })
			want := feed.EventID{Feed: other.ID, Number: other.Newest}
			if e := mustNext(t, subscription)[0]; !e.IsReset() || e.ID != want {
				t.Errorf("got %q, want a reset at %s", e.Frame(), want)
			}
			if e := mustNext(t, storetest.MustSubscribe(t, changes, &last.ID))[0]; !e.IsReset() {
				t.Errorf("got %q for an id from before, want a reset", e.Frame())
			}
			store.add(1, change)
			if e := mustNext(t, subscription)[0]; e.IsReset() || e.ID.Number != other.Newest+1 {
				t.Errorf("got %q after the reset, want the next change", e.Frame())
			}
		})
	}
}

func TestEnd(t *testing.T) {
	t.Parallel()
	changes := feed.New(&fakeStore{id: "a"}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { changes.Run(ctx); close(done) }()
	subscription := storetest.MustSubscribe(t, changes, nil)
	_, more, err := subscription.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	<-done
	<-more
	if _, _, err := subscription.Take(t.Context()); !errors.Is(err, feed.ErrEnded) {
		t.Errorf("got %v from a subscription of an ended feed, want ErrEnded", err)
	}
	if _, err := changes.Subscribe(t.Context(), nil); !errors.Is(err, feed.ErrEnded) {
		t.Errorf("got %v from an ended feed, want ErrEnded", err)
	}
}
