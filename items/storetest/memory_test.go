package storetest_test

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"menu-api/items"
	"menu-api/items/storetest"
)

// TestSuiteAsksNoMoreThanTheContract runs the suite over the plainest thing that keeps the contract of items.Store, so
// that a test which leans on a habit of one engine is noticed here.
func TestSuiteAsksNoMoreThanTheContract(t *testing.T) {
	t.Parallel()
	var places sync.Map // of *memory, which outlive their being closed as a file does
	var count atomic.Int64
	storetest.Run(t, storetest.Engine{
		NewPlace: func(testing.TB) string { return strconv.FormatInt(count.Add(1), 10) },
		Open: func(place string) (items.Store, error) {
			store, _ := places.LoadOrStore(place, &memory{})
			return store.(*memory), nil
		},
	})
}

// memory is a menu in a list, ids ascending.
type memory struct {
	mu     sync.Mutex
	lastID int64
	seeded bool
	menu   []items.Item
}

func (m *memory) List(ctx context.Context) ([]items.Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]items.Item{}, m.menu...), ctx.Err()
}

func (m *memory) find(id int64) (int, error) {
	i := slices.IndexFunc(m.menu, func(item items.Item) bool { return item.ID == id })
	if i < 0 {
		return 0, items.ErrNotFound
	}
	return i, nil
}

func (m *memory) Get(ctx context.Context, id int64) (items.Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return items.Item{}, err
	}
	i, err := m.find(id)
	if err != nil {
		return items.Item{}, err
	}
	return m.menu[i], nil
}

func (m *memory) Create(ctx context.Context, item items.Item) (items.Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return items.Item{}, err
	}
	return m.add(item), nil
}

func (m *memory) add(item items.Item) items.Item {
	m.lastID++
	item.ID = m.lastID
	m.menu = append(m.menu, item)
	return item
}

func (m *memory) Update(ctx context.Context, id int64, change func(items.Item) (items.Item, error)) (items.Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i, err := m.find(id)
	if err != nil {
		return items.Item{}, err
	}
	changed, err := change(m.menu[i])
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return items.Item{}, err
	}
	changed.ID = id
	m.menu[i] = changed
	return changed, nil
}

func (m *memory) Delete(_ context.Context, id int64, allow func(items.Item) error) (items.Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i, err := m.find(id)
	if err != nil {
		return items.Item{}, err
	}
	deleted := m.menu[i]
	if err := allow(deleted); err != nil {
		return items.Item{}, err
	}
	m.menu = slices.Delete(m.menu, i, i+1)
	return deleted, nil
}

func (m *memory) Seed(_ context.Context, menu []items.Item) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.seeded {
		for _, item := range menu {
			m.add(item)
		}
	}
	m.seeded = true
	return nil
}

func (m *memory) Ping(context.Context) error { return nil }

func (m *memory) Close() error { return nil }
