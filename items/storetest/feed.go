package storetest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"menu-api/items"
	"menu-api/items/feed"
)

// timeout bounds the wait for what takes moments.
const timeout = 30 * time.Second

func mustFeed(tb testing.TB, store items.Store) items.Feed {
	tb.Helper()
	now, err := store.Feed(context.Background())
	if err != nil {
		tb.Fatalf("Feed: %v", err)
	}
	return now
}

func mustChanges(tb testing.TB, store items.Store, after int64, limit int) []items.Change {
	tb.Helper()
	changes, err := store.Changes(context.Background(), after, limit)
	if err != nil {
		tb.Fatalf("Changes: %v", err)
	}
	return changes
}

func testFeed(t *testing.T, engine Engine) {
	place := engine.NewPlace(t)
	store := mustOpenAt(t, engine, place)
	start := mustFeed(t, store)
	if start.ID == "" || strings.Contains(start.ID, "-") || start.Newest != 0 {
		t.Errorf("got %+v for an empty feed, want an id without a hyphen, and the number 0", start)
	}
	created := mustCreate(t, store, soup())
	mustRename(t, store, created.ID, "Broth")
	mustDelete(t, store, created.ID)
	history := mustHistory(t, store, created.ID)
	_ = store.Close()

	store = mustOpenAt(t, engine, place) // the feed outlives the process
	now := mustFeed(t, store)
	assertEqual(t, now.ID, start.ID)
	if other := mustFeed(t, mustOpenAt(t, engine, engine.NewEmptyPlace(t))); other.ID == start.ID {
		t.Errorf("two databases have the feed %q", start.ID)
	}
	var got []items.Change
	for number := start.Newest; ; {
		page := mustChanges(t, store, number, 2)
		if len(page) == 0 {
			assertEqual(t, number, now.Newest)
			break
		}
		for _, change := range page {
			if change.Number <= number {
				t.Errorf("got number %d after %d", change.Number, number)
			}
			number, change.Number = change.Number, 0
			got = append(got, change)
		}
	}
	for i := range history {
		history[i].Before = nil
	}
	assertEqual(t, got, []items.Change{history[2], history[1], history[0]})
}

// Writers on two stores commit at the same time. A reader that polls at the same time sees each change once, and
// the changes of an item in order.
func testFeedConcurrent(t *testing.T, engine Engine) {
	place := engine.NewPlace(t)
	stores := []items.Store{mustOpenAt(t, engine, place), mustOpenAt(t, engine, place)}
	number := mustFeed(t, stores[0]).Newest
	const writers, each = 8, 15
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			id := mustCreate(t, stores[w%2], items.Item{Name: fmt.Sprint(w)}).ID
			for n := range each {
				mustRename(t, stores[(w+n)%2], id, fmt.Sprint(n))
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	versions := map[int64]int64{}
	read := func() (n int) {
		page := mustChanges(t, stores[0], number, 7)
		for _, change := range page {
			if change.Version != versions[change.ItemID]+1 {
				t.Errorf("item %d: got version %d after %d", change.ItemID, change.Version, versions[change.ItemID])
			}
			versions[change.ItemID], number = change.Version, change.Number
		}
		return len(page)
	}
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
			// Changes up to the newest number are all there: none of them commits later.
			newest := mustFeed(t, stores[1]).Newest
			for n := 1; n > 0 && number < newest; {
				n = read()
			}
		}
	}
	for left := read(); left > 0; {
		left = read()
	}
	assertEqual(t, len(versions), writers)
	for id, version := range versions {
		if version != each+1 {
			t.Errorf("item %d: got the changes up to version %d, want %d", id, version, each+1)
		}
	}
}

func testFeedOfOther(t *testing.T, engine Engine) {
	place := engine.NewPlace(t)
	one, two := mustOpenAt(t, engine, place), mustOpenAt(t, engine, place)
	number := mustFeed(t, two).Newest
	go func() {
		time.Sleep(50 * time.Millisecond)
		if _, err := one.Create(context.Background(), info, soup()); err != nil {
			t.Errorf("Create: %v", err)
		}
	}()
	for range 100 {
		if err := two.Wait(context.Background()); err != nil {
			t.Fatal(err)
		}
		if len(mustChanges(t, two, number, 10)) > 0 {
			return
		}
	}
	t.Error("the other store never saw the change")
}

// A replaced database has another feed, so that no subscriber resumes in the wrong one. An import into a database that
// stays does not.
func testFeedOfImport(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	mustCreate(t, store, soup())
	for replace, name := range map[bool]string{false: "an import", true: "a replacement"} {
		before := mustFeed(t, store)
		if err := store.Import(context.Background(), info, replace, from(itemRecords(soup()))); err != nil {
			t.Fatal(err)
		}
		after := mustFeed(t, store)
		if (after.ID != before.ID) != replace {
			t.Errorf("%s: got feed %q after %q", name, after.ID, before.ID)
		}
		changes := mustChanges(t, store, after.Newest-1, 10)
		if len(changes) != 1 || changes[0].ItemID != 0 || changes[0].Action != items.Imported {
			t.Errorf("%s: got %+v, want one change of many items", name, changes)
		}
	}
}

// MustFollow returns a change feed of the store that runs until the test ends.
func MustFollow(tb testing.TB, store feed.Store) *feed.ChangeFeed {
	tb.Helper()
	changes := feed.New(store, nil)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { changes.Run(ctx); close(done) }()
	tb.Cleanup(func() { cancel(); <-done })
	return changes
}

// MustSubscribe returns a subscription that ends with the test.
func MustSubscribe(tb testing.TB, changes *feed.ChangeFeed, after *feed.EventID) *feed.Subscription {
	tb.Helper()
	subscription, err := changes.Subscribe(context.Background(), after)
	if err != nil {
		tb.Fatalf("Subscribe: %v", err)
	}
	tb.Cleanup(subscription.Close)
	return subscription
}

// NextEvents waits for events of the subscription and returns them.
func NextEvents(ctx context.Context, subscription *feed.Subscription) ([]*feed.Event, error) {
	for {
		events, more, err := subscription.Take(ctx)
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

// mustTake takes events until there are n.
func mustTake(tb testing.TB, subscription *feed.Subscription, n int) []*feed.Event {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	var events []*feed.Event
	for len(events) < n {
		more, err := NextEvents(ctx, subscription)
		if err != nil {
			tb.Fatalf("NextEvents after %d of %d events: %v", len(events), n, err)
		}
		events = append(events, more...)
	}
	if len(events) > n {
		tb.Fatalf("got %d events, want %d", len(events), n)
	}
	return events
}

// write lets some writers create and change items at the same time, on the stores in turn, and returns the number of
// changes.
func write(tb testing.TB, stores ...items.Store) (changes int) {
	tb.Helper()
	const writers, each = 4, 9
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			id := mustCreate(tb, stores[w%len(stores)], items.Item{Name: fmt.Sprint(w)}).ID
			for n := range each {
				mustRename(tb, stores[(w+n)%len(stores)], id, fmt.Sprint(n))
			}
		})
	}
	wg.Wait()
	return writers * (each + 1)
}

// assertWhole checks that the events are all changes of the items in them, once, and those of each in order.
func assertWhole(tb testing.TB, events []*feed.Event) {
	tb.Helper()
	versions := map[int64]int64{}
	for i, e := range events {
		if e.Version != versions[e.ItemID]+1 || e.Item == nil || e.Item.Version != e.Version || e.Item.ID != e.ItemID {
			tb.Errorf("got %s after version %d", e.Frame(), versions[e.ItemID])
		}
		if i > 0 && e.ID.Number <= events[i-1].ID.Number {
			tb.Errorf("got event %s after %s", e.ID, events[i-1].ID)
		}
		versions[e.ItemID] = e.Version
	}
}

func testChangeFeed(t *testing.T, engine Engine) {
	place := engine.NewPlace(t)
	stores := []items.Store{mustOpenAt(t, engine, place), mustOpenAt(t, engine, place)}
	mustCreate(t, stores[0], soup()) // from before
	changes := MustFollow(t, stores[0])
	one, two := MustSubscribe(t, changes, nil), MustSubscribe(t, changes, nil)
	n := write(t, stores...)
	events := mustTake(t, one, n)
	assertWhole(t, events)
	for i, e := range mustTake(t, two, n) {
		if e != events[i] {
			t.Fatalf("the subscribers do not share events: %s, %s", e.Frame(), events[i].Frame())
		}
	}
	want := fmt.Sprintf("event: change\nid: %s\ndata: {\"id\":%d,\"action\":\"create\",\"version\":1,\"item\":{\"id\":%d,\"name\":",
		events[0].ID, events[0].ItemID, events[0].ItemID)
	if got := string(events[0].Frame()); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "}}\n\n") || strings.Contains(got, info.By) {
		t.Errorf("got frame %q, want one that starts with %q and does not contain the author", got, want)
	}

	mustDelete(t, stores[1], events[0].ItemID)
	deleted := mustTake(t, one, 1)[0]
	if deleted.Action != items.Deleted || deleted.Item != nil || !strings.Contains(string(deleted.Frame()), `"item":null`) {
		t.Errorf("got %s, want the deletion", deleted.Frame())
	}
}

// Without subscribers, the change feed skips changes. It still announces them, and a subscriber that wants them later gets
// them.
func testChangeFeedIdle(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	changes := MustFollow(t, store)
	announced := make(chan struct{}, 1)
	changes.OnChange(func() {
		select {
		case announced <- struct{}{}:
		default:
		}
	})
	early, err := changes.Subscribe(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	start := early.Start()
	early.Close()
	n := 0
	for range 3 {
		n += write(t, store)
		select {
		case <-announced:
		case <-time.After(timeout):
			t.Fatal("the changes were not announced")
		}
	}
	late := MustSubscribe(t, changes, &start)
	n += write(t, store)
	assertWhole(t, mustTake(t, late, n))
}

// Wherever a subscriber resumes while writers are busy, it gets everything after that.
func testChangeFeedResumes(t *testing.T, engine Engine) {
	place := engine.NewPlace(t)
	stores := []items.Store{mustOpenAt(t, engine, place), mustOpenAt(t, engine, place)}
	feeds := []*feed.ChangeFeed{MustFollow(t, stores[0]), MustFollow(t, stores[1])}
	start := MustSubscribe(t, feeds[0], nil).Start()
	MustSubscribe(t, feeds[1], nil) // so that both read the changes
	const rounds = 3
	var wg sync.WaitGroup
	var written atomic.Int64
	wg.Go(func() {
		for range rounds {
			written.Add(int64(write(t, stores...)))
		}
	})
	// One that reconnects after every few events, to either replica, all the while.
	var events []*feed.Event
	last := start
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	for n := 0; len(events) < rounds*40; n++ {
		more, err := NextEvents(ctx, MustSubscribe(t, feeds[n%2], &last))
		if err != nil {
			t.Fatalf("NextEvents after %d events: %v", len(events), err)
		}
		events = append(events, more[:min(len(more), 3)]...)
		last = events[len(events)-1].ID
	}
	wg.Wait()
	assertWhole(t, events)
	total := int(written.Load())
	assertEqual(t, len(events), total)

	// A new process has no events in memory, and reads them from the store.
	fresh := MustFollow(t, stores[1])
	assertWhole(t, mustTake(t, MustSubscribe(t, fresh, &start), total))
	for _, i := range []int{0, 1, total / 2, total - 2} {
		rest := mustTake(t, MustSubscribe(t, fresh, &events[i].ID), total-i-1)
		assertWhole(t, append(events[:i+1:i+1], rest...))
	}
}

func testChangeFeedImport(t *testing.T, engine Engine) {
	for name, replace := range map[string]bool{"imported": false, "replaced": true} {
		store := mustOpen(t, engine)
		changes := MustFollow(t, store)
		subscription := MustSubscribe(t, changes, nil)
		mustCreate(t, store, soup())
		mustTake(t, subscription, 1)
		if err := store.Import(context.Background(), info, replace, from(itemRecords(items.Item{Name: "Imported"}))); err != nil {
			t.Fatalf("Import: %v", err)
		}
		reset := mustTake(t, subscription, 1)[0]
		now := mustFeed(t, store)
		if !reset.IsReset() || reset.ID != (feed.EventID{Feed: now.ID, Number: now.Newest}) {
			t.Errorf("%s: got %s, want a reset at %+v", name, reset.Frame(), now)
		}
		after := mustCreate(t, store, soup())
		if e := mustTake(t, subscription, 1)[0]; e.ItemID != after.ID {
			t.Errorf("%s: got %s, want the creation of %d", name, e.Frame(), after.ID)
		}
		// A subscriber that was away during the import gets a reset, from this process and from a new one.
		start := subscription.Start()
		for process, changes := range map[string]*feed.ChangeFeed{"the same process": changes, "another process": MustFollow(t, store)} {
			ctx, cancel := context.WithTimeout(context.Background(), timeout)
			events, err := NextEvents(ctx, MustSubscribe(t, changes, &start))
			cancel()
			if err != nil || !events[0].IsReset() {
				t.Errorf("%s, %s: got %v, %v for a subscriber from before, want a reset", name, process, events, err)
			}
		}
		if e := mustTake(t, MustSubscribe(t, changes, &reset.ID), 1)[0]; e.ItemID != after.ID {
			t.Errorf("%s: got %s after the reset, want the creation of %d", name, e.Frame(), after.ID)
		}
	}
}
