package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"menu-api/items"
)

// patience is for what takes moments.
const patience = 30 * time.Second

// mustFollow returns a follower of the store that runs until the test is over.
func mustFollow(tb testing.TB, store items.Store) *items.Follower {
	tb.Helper()
	follower := items.NewFollower(store, nil)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { follower.Run(ctx); close(done) }()
	tb.Cleanup(func() { cancel(); <-done })
	return follower
}

func mustSubscribe(tb testing.TB, follower *items.Follower, after items.Cursor) *items.Subscription {
	tb.Helper()
	subscription, err := follower.Subscribe(context.Background(), after)
	if err != nil {
		tb.Fatalf("Subscribe: %v", err)
	}
	tb.Cleanup(subscription.Close)
	return subscription
}

// mustTake takes events until there are n.
func mustTake(tb testing.TB, subscription *items.Subscription, n int) []*items.Event {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var events []*items.Event
	for len(events) < n {
		more, err := subscription.Next(ctx)
		if err != nil {
			tb.Fatalf("Next after %d of %d events: %v", len(events), n, err)
		}
		events = append(events, more...)
	}
	if len(events) > n {
		tb.Fatalf("got %d events, want %d", len(events), n)
	}
	return events
}

// write has some writers create and change items at the same time, on the stores in turn, and returns how many changes
// that made.
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
func assertWhole(tb testing.TB, events []*items.Event) {
	tb.Helper()
	versions := map[int64]int64{}
	for _, e := range events {
		if e.Version != versions[e.ItemID]+1 || e.Item == nil || e.Item.Version != e.Version || e.Item.ID != e.ItemID {
			tb.Errorf("got %s after version %d", e.Frame(), versions[e.ItemID])
		}
		versions[e.ItemID] = e.Version
	}
}

func testFollower(t *testing.T, engine Engine) {
	place := engine.NewPlace(t)
	stores := []items.Store{mustOpenAt(t, engine, place), mustOpenAt(t, engine, place)}
	mustCreate(t, stores[0], soup()) // from before
	follower := mustFollow(t, stores[0])
	one, two := mustSubscribe(t, follower, nil), mustSubscribe(t, follower, nil)
	n := write(t, stores...)
	events := mustTake(t, one, n)
	assertWhole(t, events)
	for i, e := range mustTake(t, two, n) {
		if e != events[i] {
			t.Fatalf("subscribers have events of their own: %s, %s", e.Frame(), events[i].Frame())
		}
	}
	want := fmt.Sprintf("event: change\nid: %s\ndata: {\"id\":%d,\"action\":\"create\",\"version\":1,\"item\":{\"id\":%d,\"name\":",
		events[0].After, events[0].ItemID, events[0].ItemID)
	if got := string(events[0].Frame()); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "}}\n\n") || strings.Contains(got, stamp.By) {
		t.Errorf("got frame %q, want one that begins %q and does not tell the author", got, want)
	}
	if age := time.Since(follower.Confirmed()); age > patience {
		t.Errorf("the feed was confirmed %v ago, want a moment", age)
	}

	mustDelete(t, stores[1], events[0].ItemID)
	deleted := mustTake(t, one, 1)[0]
	if deleted.Action != items.Deleted || deleted.Item != nil || !strings.Contains(string(deleted.Frame()), `"item":null`) {
		t.Errorf("got %s, want the deletion", deleted.Frame())
	}
}

// From wherever a subscriber goes on, what it has had and what it gets are everything, while writers are at work.
// While nobody has subscribed, changes are passed by. They are announced all the same, and whoever wants them later gets
// them.
func testFollowerUnwatched(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	follower := mustFollow(t, store)
	told := make(chan struct{}, 1)
	follower.First(func() {
		select {
		case told <- struct{}{}:
		default:
		}
	})
	early, err := follower.Subscribe(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	start := early.Start()
	early.Close()
	n := 0
	for range 3 {
		n += write(t, store)
		select {
		case <-told:
		case <-time.After(patience):
			t.Fatal("nobody was told of the changes")
		}
	}
	late := mustSubscribe(t, follower, start)
	n += write(t, store)
	assertWhole(t, mustTake(t, late, n))
}

func testFollowerResumes(t *testing.T, engine Engine) {
	place := engine.NewPlace(t)
	stores := []items.Store{mustOpenAt(t, engine, place), mustOpenAt(t, engine, place)}
	follower := mustFollow(t, stores[0])
	start := mustSubscribe(t, follower, nil)
	const rounds = 3
	var wg sync.WaitGroup
	var written atomic.Int64
	wg.Go(func() {
		for range rounds {
			written.Add(int64(write(t, stores...)))
		}
	})
	// One that comes back after every few events, all the while.
	var events []*items.Event
	cursor := start.Start()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for len(events) < rounds*40 {
		more, err := mustSubscribe(t, follower, cursor).Next(ctx)
		if err != nil {
			t.Fatalf("Next after %d events: %v", len(events), err)
		}
		events = append(events, more[:min(len(more), 3)]...)
		cursor = events[len(events)-1].After
	}
	wg.Wait()
	assertWhole(t, events)
	total := int(written.Load())
	assertEqual(t, len(events), total)

	// A new follower has none of it in memory, and reads it from the store.
	fresh := mustFollow(t, stores[1])
	assertWhole(t, mustTake(t, mustSubscribe(t, fresh, start.Start()), total))
	for _, i := range []int{0, 1, total / 2, total - 2} {
		rest := mustTake(t, mustSubscribe(t, fresh, events[i].After), total-i-1)
		assertWhole(t, append(events[:i+1:i+1], rest...))
	}
}

// lagging is a store whose feed has stopped moving for who asks here.
type lagging struct {
	items.Store
	mu    sync.RWMutex // held by those who read, so that set waits for reads that have begun
	stuck bool
}

func (l *lagging) Changes(ctx context.Context, after items.Cursor, limit int) ([]items.Change, items.Cursor, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.stuck && after != nil {
		return nil, after, nil
	}
	return l.Store.Changes(ctx, after, limit)
}

func (l *lagging) set(stuck bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stuck = stuck
}

// A subscriber comes from a follower that is ahead to one that lags behind it, and misses nothing and gets nothing twice.
func testFollowerOther(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	slow := &lagging{Store: store}
	ahead, behind := mustFollow(t, store), mustFollow(t, slow)
	first := mustSubscribe(t, ahead, nil)
	_ = mustSubscribe(t, behind, nil) // it has begun
	slow.set(true)
	n := write(t, store)
	events := mustTake(t, first, n)
	second := mustSubscribe(t, behind, events[n/2].After)
	if early, more, err := second.Take(context.Background()); len(early) > 0 || more == nil || err != nil {
		t.Fatalf("got %v, %v, want nothing yet", early, err)
	}
	slow.set(false)
	n += write(t, store)
	events = append(events[:n/4+1], mustTake(t, second, n-n/4-1)...)
	assertWhole(t, events)
	for i, e := range events[1:] {
		if !reaches(e.After, events[i].After) {
			t.Errorf("the cursor %s comes after %s", e.After, events[i].After)
		}
	}
}

func reaches(a, b items.Cursor) bool {
	for lane := range b {
		if a[lane] < b[lane] {
			return false
		}
	}
	return true
}

func testFollowerUnknown(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	created := mustCreate(t, store, soup())
	follower := mustFollow(t, store)
	now := mustSubscribe(t, follower, nil).Start()
	for name, cursor := range map[string]items.Cursor{
		"of the future":    append(now[:len(now)-1:len(now)-1], 1<<62),
		"too many numbers": append(slices.Clip(now), 0),
		"too few numbers":  now[1:],
	} {
		subscription := mustSubscribe(t, follower, cursor)
		if e := mustTake(t, subscription, 1)[0]; !e.Everything() || string(e.Frame()) != "event: reset\nid: "+now.String()+"\ndata: {}\n\n" {
			t.Errorf("%s: got %q, want a reset at %s", name, e.Frame(), now)
		}
		renamed := mustRename(t, store, created.ID, name)
		e := mustTake(t, subscription, 1)[0]
		if e.Version != renamed.Version {
			t.Errorf("%s: got %s after the reset, want version %d", name, e.Frame(), renamed.Version)
		}
		now = e.After
	}
}

func testFollowerImport(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	follower := mustFollow(t, store)
	before := mustSubscribe(t, follower, nil)
	created := mustCreate(t, store, soup())
	mustTake(t, before, 1)
	mustImport(t, store, true, items.Item{Name: "Imported"})
	reset := mustTake(t, before, 1)[0]
	if !reset.Everything() {
		t.Errorf("got %s, want a reset", reset.Frame())
	}
	after := mustCreate(t, store, soup())
	if e := mustTake(t, before, 1)[0]; e.ItemID != after.ID {
		t.Errorf("got %s, want the creation of %d", e.Frame(), after.ID)
	}
	// One that was away over the import learns of it, also from a follower that was not there.
	for name, follower := range map[string]*items.Follower{"old": follower, "new": mustFollow(t, store)} {
		late := mustSubscribe(t, follower, before.Start())
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		var sawReset bool
		for last := int64(0); last != after.ID; {
			events, err := late.Next(ctx)
			if err != nil {
				t.Fatalf("%s follower: %v", name, err)
			}
			for _, e := range events {
				sawReset = sawReset || e.Everything()
				last = e.ItemID
			}
			if sawReset && last == 0 {
				break // the reset stands for all that has come until now
			}
		}
		cancel()
		if !sawReset {
			t.Errorf("%s follower: no reset after the creation of %d", name, created.ID)
		}
	}
}

func mustImport(tb testing.TB, store items.Store, replace bool, menu ...items.Item) {
	tb.Helper()
	if err := store.Import(context.Background(), stamp, replace, from(itemRecords(menu...))); err != nil {
		tb.Fatalf("Import: %v", err)
	}
}

// feed is a store whose feed can be written at will.
type feed struct {
	items.Store
	mu    sync.Mutex
	err   error
	seq   int64
	pages [][]items.Change
}

func (f *feed) Changes(_ context.Context, after items.Cursor, _ int) ([]items.Change, items.Cursor, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.err != nil:
		return nil, nil, f.err
	case after == nil || len(f.pages) == 0:
		return nil, items.Cursor{f.seq}, nil
	}
	page := f.pages[0]
	f.pages = f.pages[1:]
	for i := range page {
		f.seq++
		page[i].Place.Seq = f.seq
	}
	return page, items.Cursor{f.seq}, nil
}

func (f *feed) set(err error, seq int64, pages ...[]items.Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err, f.seq, f.pages = err, seq, pages
}

func testFollowerSlow(t *testing.T, engine Engine) {
	large := items.Item{ID: 1, Version: 1, Description: strings.Repeat("x", 2000)}
	for name, page := range map[string]items.Change{
		"many":  {ItemID: 1, Version: 1, Action: items.Created},
		"large": {ItemID: 1, Version: 1, Action: items.Created, After: &large},
	} {
		store := &feed{Store: mustOpen(t, engine)}
		follower := mustFollow(t, store)
		sleeper := mustSubscribe(t, follower, nil)
		pages := make([][]items.Change, 12)
		for i := range pages {
			pages[i] = make([]items.Change, 500)
			for n := range pages[i] {
				pages[i][n] = page
			}
		}
		store.set(nil, 0, pages...)
		for mustSubscribe(t, follower, nil).Start()[0] < 6000 {
			time.Sleep(time.Millisecond)
		}
		_, _, err := sleeper.Take(context.Background())
		if !errors.Is(err, items.ErrBehind) {
			t.Errorf("%s: got %v, want ErrBehind", name, err)
		}
	}
}

func testFollowerOutage(t *testing.T, engine Engine) {
	store := &feed{Store: mustOpen(t, engine)}
	store.set(items.ErrUnavailable, 0)
	follower := mustFollow(t, store)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := follower.Subscribe(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v from a follower that has not begun, want the context's error", err)
	}
	store.set(nil, 0)
	subscription := mustSubscribe(t, follower, nil)
	for range 2 {
		store.set(items.ErrUnavailable, subscription.Start()[0])
		time.Sleep(items.PollInterval)
		confirmed := follower.Confirmed()
		time.Sleep(items.PollInterval)
		if got := follower.Confirmed(); !got.Equal(confirmed) {
			t.Errorf("the feed was confirmed by a store that fails, %v later", got.Sub(confirmed))
		}
		store.set(nil, subscription.Start()[0], []items.Change{{ItemID: 1, Version: 1}})
		subscription = mustSubscribe(t, follower, mustTake(t, subscription, 1)[0].After)
	}
}

func testFollowerSetBack(t *testing.T, engine Engine) {
	store := &feed{Store: mustOpen(t, engine)}
	store.set(nil, 100)
	follower := mustFollow(t, store)
	subscription := mustSubscribe(t, follower, nil)
	store.set(nil, 100, []items.Change{{ItemID: 1, Version: 1}})
	last := mustTake(t, subscription, 1)[0]
	store.set(items.ErrUnavailable, 0)
	time.Sleep(2 * items.PollInterval)
	store.set(nil, 50)
	if e := mustTake(t, subscription, 1)[0]; !e.Everything() || e.After[0] != 50 {
		t.Errorf("got %q, want a reset at 50", e.Frame())
	}
	if e := mustTake(t, mustSubscribe(t, follower, last.After), 1)[0]; !e.Everything() {
		t.Errorf("got %q for a cursor from before, want a reset", e.Frame())
	}
}

func testFollowerEnds(t *testing.T, engine Engine) {
	store := mustOpen(t, engine)
	follower := items.NewFollower(store, nil)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { follower.Run(ctx); close(done) }()
	subscription := mustSubscribe(t, follower, nil)
	_, more, err := subscription.Take(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	<-done
	<-more
	_, _, err = subscription.Take(context.Background())
	assertIs(t, err, items.ErrFollowerEnded)
	_, err = follower.Subscribe(context.Background(), nil)
	assertIs(t, err, items.ErrFollowerEnded)
}
