package storetest_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"menu-api/items"
	"menu-api/items/storetest"
)

// TestSuiteAsksNoMoreThanTheContract runs the suite on the simplest implementation of items.Store, so that a test that
// depends on a particular engine fails here.
func TestSuiteAsksNoMoreThanTheContract(t *testing.T) {
	t.Parallel()
	var places sync.Map // of *memory, which outlive their being closed as a file does
	var count atomic.Int64
	storetest.Run(t, storetest.Engine{
		NewPlace: func(testing.TB) string { return strconv.FormatInt(count.Add(1), 10) },
		Open: func(place string) (items.Store, error) {
			store, _ := places.LoadOrStore(place, &memory{state: newState()})
			return store.(*memory), nil
		},
	})
}

// memory keeps the menu in maps. A write changes a copy, which replaces the original if the write succeeds.
type memory struct {
	mu       sync.Mutex
	notifier items.Notifier
	state
}

type state struct {
	lastID  int64
	seeded  bool
	menu    map[int64]items.Item
	history map[int64][]items.Change // newest last
	feedID  string
	feed    []items.Change // those that Prune deleted are empty
	pruned  int64
	keys    map[[2]string]used
}

type used struct {
	fingerprint [32]byte
	at          time.Time
	result      []items.Item
}

func newState() state {
	return state{feedID: rand.Text(), menu: map[int64]items.Item{}, history: map[int64][]items.Change{}, keys: map[[2]string]used{}}
}

func (s *state) clone() state {
	c := *s
	c.menu, c.keys, c.feed = maps.Clone(s.menu), maps.Clone(s.keys), slices.Clone(s.feed)
	c.history = map[int64][]items.Change{}
	for id, changes := range s.history {
		c.history[id] = slices.Clone(changes)
	}
	return c
}

// write runs do on a copy of the state.
func (m *memory) write(ctx context.Context, do func(*state) (items.Item, error)) (items.Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := m.clone()
	item, err := do(&next)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return items.Item{}, err
	}
	m.state = next
	m.notifier.Notify()
	return item, nil
}

func (s *state) put(info items.AuditInfo, action items.Action, before, after *items.Item) items.Item {
	item := before
	if after != nil {
		item = after
		s.menu[item.ID] = *item
	} else {
		delete(s.menu, item.ID)
	}
	s.log(items.Change{
		ItemID: item.ID, Version: s.lastVersion(item.ID) + 1, Action: action, By: info.By, ByName: info.Name,
		At: items.TimeOf(info.At.UnixMilli()), Batch: info.Batch, Before: before, After: after,
	})
	s.feed = append(s.feed, s.history[item.ID][len(s.history[item.ID])-1])
	return *item
}

func (s *state) lastVersion(id int64) int64 {
	if changes := s.history[id]; len(changes) > 0 {
		return changes[len(changes)-1].Version
	}
	return 0
}

func (s *state) log(change items.Change) {
	s.history[change.ItemID] = append(s.history[change.ItemID], change)
	s.lastID = max(s.lastID, change.ItemID)
}

func (s *state) add(info items.AuditInfo, item items.Item) items.Item {
	if item.ID == 0 {
		item.ID = s.lastID + 1
	}
	item.Version = 1
	return s.put(info, items.Created, nil, &item)
}

func (s *state) once(info items.AuditInfo, do func() (items.Item, error)) (items.Item, error) {
	list, err := s.onceForAll(info, func() ([]items.Item, error) {
		item, err := do()
		return []items.Item{item}, err
	})
	if err != nil {
		return items.Item{}, err
	}
	return list[0], nil
}

func (s *state) onceForAll(info items.AuditInfo, do func() ([]items.Item, error)) ([]items.Item, error) {
	if info.Key == nil {
		return do()
	}
	key := [2]string{info.By, info.Key.Value}
	if u, ok := s.keys[key]; ok && info.At.Sub(u.at) < items.KeyLifetime {
		if u.fingerprint != info.Key.Fingerprint {
			return nil, items.ErrKeyReused
		}
		return u.result, nil
	}
	list, err := do()
	s.keys[key] = used{info.Key.Fingerprint, info.At, list}
	return list, err
}

func (m *memory) List(ctx context.Context, q items.Query) ([]items.Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	order := func(a, b items.Item) int {
		return cmp.Or(map[items.Sort]int{
			items.ByName:      cmp.Compare(items.Fold(a.Name), items.Fold(b.Name)),
			items.ByPrice:     cmp.Compare(a.Price, b.Price),
			items.ByPriceDown: cmp.Compare(b.Price, a.Price),
			items.ByMenu:      cmp.Compare(a.MenuKey(), b.MenuKey()),
		}[q.Sort], cmp.Compare(a.ID, b.ID))
	}
	menu := []items.Item{}
	for _, item := range slices.SortedFunc(maps.Values(m.menu), order) {
		lacks := func(word string) bool { return !strings.Contains(items.SearchText(item), word) }
		if slices.ContainsFunc(q.Words, lacks) || q.Category != "" && items.Fold(item.Category) != q.Category ||
			q.After != nil && order(item, items.Item{ID: q.After.ID, Name: q.After.Name, Price: q.After.Price, Position: &q.After.Menu}) <= 0 {
			continue
		}
		if menu = append(menu, item); len(menu) == q.Limit {
			break
		}
	}
	return menu, ctx.Err()
}

func (m *memory) Categories(_ context.Context, limit int) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	spelling := map[string]string{}
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(m.menu))) {
		if category := m.menu[id].Category; category != "" {
			spelling[items.SortKey(category)] = category
		}
	}
	names := []string{}
	for _, key := range slices.Sorted(maps.Keys(spelling)) {
		names = append(names, spelling[key])
	}
	return names[:min(limit, len(names))], nil
}

func (m *memory) Get(ctx context.Context, id int64) (items.Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return items.Item{}, err
	}
	return m.get(id)
}

func (s *state) get(id int64) (items.Item, error) {
	item, ok := s.menu[id]
	if !ok {
		return items.Item{}, items.ErrNotFound
	}
	return item, nil
}

func (m *memory) Create(ctx context.Context, info items.AuditInfo, item items.Item) (items.Item, error) {
	return m.write(ctx, func(s *state) (items.Item, error) {
		return s.once(info, func() (items.Item, error) {
			item.ID = 0
			return s.add(info, item), ctx.Err()
		})
	})
}

func (m *memory) Update(ctx context.Context, info items.AuditInfo, id int64, change func(items.Item) (items.Item, error)) (items.Item, error) {
	return m.write(ctx, func(s *state) (items.Item, error) {
		current, err := s.get(id)
		if err != nil {
			return current, err
		}
		changed, err := change(current)
		changed.ID, changed.Version = id, current.Version+1
		if err != nil {
			return changed, err
		}
		return s.put(info, items.Updated, &current, &changed), nil
	})
}

func (m *memory) Delete(ctx context.Context, info items.AuditInfo, id int64, allow func(items.Item) error) (items.Item, error) {
	return m.write(ctx, func(s *state) (items.Item, error) {
		current, err := s.get(id)
		if err != nil {
			return current, err
		}
		if err := allow(current); err != nil {
			return current, err
		}
		return s.put(info, items.Deleted, &current, nil), nil
	})
}

func (m *memory) Restore(ctx context.Context, info items.AuditInfo, id int64) (items.Item, error) {
	return m.write(ctx, func(s *state) (items.Item, error) {
		return s.once(info, func() (items.Item, error) {
			changes := s.history[id]
			if len(changes) == 0 {
				return items.Item{}, items.ErrNotFound
			}
			last := changes[len(changes)-1]
			if last.Action != items.Deleted {
				return items.Item{}, items.ErrNotDeleted
			}
			item := *last.Before
			item.Version = last.Version + 1
			return s.put(info, items.Restored, nil, &item), nil
		})
	})
}

func (m *memory) UpdateMany(
	ctx context.Context, info items.AuditInfo, ids []int64, at *items.Feed, change func([]items.State) ([]*items.Item, error),
) (changed []items.Item, err error) {
	_, err = m.write(ctx, func(s *state) (none items.Item, err error) {
		changed, err = s.onceForAll(info, func() ([]items.Item, error) { return s.updateMany(info, ids, at, change) })
		return none, err
	})
	return changed, err
}

func (s *state) updateMany(
	info items.AuditInfo, ids []int64, at *items.Feed, change func([]items.State) ([]*items.Item, error),
) ([]items.Item, error) {
	current := make([]items.State, len(ids))
	for i, id := range ids {
		if item, ok := s.menu[id]; ok {
			current[i].Item = &item
		}
		current[i].Version = int64(len(s.history[id]))
	}
	after, err := change(current)
	if err != nil {
		return nil, err
	}
	if at != nil && *at != (items.Feed{ID: s.feedID, Newest: int64(len(s.feed))}) {
		return nil, items.ErrMenuChanged
	}
	changed := []items.Item{}
	for i, id := range ids {
		action := items.Updated
		switch {
		case after[i] == nil && current[i].Item == nil:
			continue
		case after[i] == nil:
			s.put(info, items.Deleted, current[i].Item, nil)
			continue
		case current[i].Item == nil:
			action = items.Restored
		}
		item := *after[i]
		item.ID, item.Version = id, current[i].Version+1
		changed = append(changed, s.put(info, action, current[i].Item, &item))
	}
	return changed, nil
}

func (m *memory) Reset(ctx context.Context, info items.AuditInfo, menu []items.Item) (added []items.Item, err error) {
	_, err = m.write(ctx, func(s *state) (none items.Item, err error) {
		feed := s.feed
		for _, item := range s.menu {
			s.put(info, items.Deleted, &item, nil)
		}
		added = []items.Item{}
		for _, item := range menu {
			item.ID = 0
			added = append(added, s.add(info, item))
		}
		s.feed = slices.Concat(feed, []items.Change{{Action: items.Imported}})
		return none, nil
	})
	return added, err
}

func (m *memory) History(_ context.Context, id, before int64, limit int) ([]items.Change, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.history[id]) == 0 {
		return nil, items.ErrNotFound
	}
	changes := []items.Change{}
	for _, change := range slices.Backward(m.history[id]) {
		if (before == 0 || change.Version < before) && len(changes) < limit {
			changes = append(changes, change)
		}
	}
	return changes, nil
}

func (m *memory) Recent(_ context.Context, before items.ChangeKey, limit int) ([]items.Change, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	order := func(a, b items.ChangeKey) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ItemID, b.ItemID), cmp.Compare(a.Version, b.Version))
	}
	key := func(c items.Change) items.ChangeKey {
		return items.ChangeKey{At: c.At, ItemID: c.ItemID, Version: c.Version}
	}
	all := slices.Concat(slices.Collect(maps.Values(m.history))...)
	all = slices.DeleteFunc(all, func(c items.Change) bool { return order(key(c), before) >= 0 })
	slices.SortFunc(all, func(a, b items.Change) int { return order(key(b), key(a)) })
	return all[:min(limit, len(all))], nil
}

func (m *memory) Changes(_ context.Context, after int64, limit int) (changes []items.Change, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := int(after); i < len(m.feed) && len(changes) < limit; i++ {
		if change := m.feed[i]; change.Action != "" {
			change.Number, change.Before = int64(i+1), nil
			changes = append(changes, change)
		}
	}
	return changes, nil
}

func (m *memory) Prune(ctx context.Context, now time.Time, retention time.Duration) error {
	_, err := m.write(ctx, func(s *state) (none items.Item, err error) {
		maps.DeleteFunc(s.keys, func(_ [2]string, u used) bool { return now.Sub(u.at) >= items.KeyLifetime })
		if retention == 0 {
			return none, nil
		}
		old := func(c items.Change) bool { return c.At.Before(now.Add(-retention)) }
		for id, changes := range s.history {
			keep := 1
			if changes[len(changes)-1].Action == items.Deleted {
				keep = 2
			}
			for len(changes) > keep && old(changes[0]) {
				changes = changes[1:]
			}
			changes[0].Before = nil
			s.history[id] = changes
		}
		for i, c := range s.feed[:max(0, len(s.feed)-1)] {
			if c.Action != "" && old(c) && (c.ItemID == 0 || c.Version < s.history[c.ItemID][0].Version) {
				s.feed[i], s.pruned = items.Change{}, int64(i+1)
			}
		}
		return none, nil
	})
	return err
}

func (m *memory) Erase(ctx context.Context, subject string) (n int64, err error) {
	_, err = m.write(ctx, func(s *state) (none items.Item, err error) {
		maps.DeleteFunc(s.keys, func(key [2]string, _ used) bool { return key[0] == subject })
		for _, changes := range s.history {
			for i := range changes {
				if changes[i].By == subject {
					changes[i].By, changes[i].ByName = items.Erased, ""
					n++
				}
			}
		}
		return none, nil
	})
	return n, err
}

func (m *memory) Feed(context.Context) (items.Feed, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return items.Feed{ID: m.feedID, Newest: int64(len(m.feed)), Pruned: m.pruned}, nil
}

func (m *memory) Wait(ctx context.Context) error { return m.notifier.Wait(ctx) }

func (m *memory) Seed(ctx context.Context, info items.AuditInfo, menu []items.Item) error {
	_, err := m.write(ctx, func(s *state) (none items.Item, err error) {
		if !s.seeded {
			for _, item := range menu {
				item.ID = 0
				s.add(info, item)
			}
		}
		s.seeded = true
		return none, nil
	})
	return err
}

func (m *memory) Export(_ context.Context, history bool, yield func(items.Record) error) error {
	m.mu.Lock()
	now := m.clone()
	m.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(now.menu)) {
		item := now.menu[id]
		if err := yield(items.Record{Item: &item}); err != nil {
			return err
		}
	}
	if !history {
		return nil
	}
	for _, id := range slices.Sorted(maps.Keys(now.history)) {
		for _, change := range now.history[id] {
			if err := yield(items.Record{Change: &change}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *memory) Import(ctx context.Context, info items.AuditInfo, replace bool, next func() (items.Record, error)) error {
	_, err := m.write(ctx, func(s *state) (none items.Item, err error) {
		if replace {
			feed := s.feed
			*s = newState()
			s.feed = feed
		}
		feed := s.feed
		for i := 0; ; i++ {
			rec, err := next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return none, err
			}
			if err := s.load(info, rec); err != nil {
				return none, &items.RecordError{Index: i, Err: err}
			}
		}
		for id, item := range s.menu {
			if last := len(s.history[id]); last == 0 || s.history[id][last-1].Version != item.Version {
				return none, items.ErrBadHistory
			}
		}
		for id, changes := range s.history {
			last := changes[len(changes)-1]
			if _, there := s.menu[id]; there == (last.Action == items.Deleted) ||
				last.Version-changes[0].Version != int64(len(changes)-1) || changes[0].Action == items.Deleted {
				return none, items.ErrBadHistory
			}
		}
		s.seeded = true
		s.feed = slices.Concat(feed, []items.Change{{Action: items.Imported}})
		return none, nil
	})
	return err
}

func (s *state) load(info items.AuditInfo, rec items.Record) error {
	if item := rec.Item; item != nil {
		_, there := s.menu[item.ID]
		switch {
		case there || len(s.history[item.ID]) > 0:
			return items.ErrExists
		case item.Version == 0:
			s.add(info, *item)
		default:
			s.menu[item.ID] = *item
		}
		return nil
	}
	if slices.ContainsFunc(s.history[rec.Change.ItemID], func(c items.Change) bool { return c.Version == rec.Change.Version }) {
		return items.ErrExists
	}
	s.log(*rec.Change)
	return nil
}

func (m *memory) Ping(context.Context) error { return nil }

func (m *memory) Close() error { return nil }
