package items

import (
	"context"
	"fmt"
	"sync"

	"menu-api/content"
)

// Cached returns the store as the controller uses it: reads go through the cache, and writes invalidate it. The items are
// kept beside each response, so that a test can compare items instead of JSON.
func Cached(store Store, cache *ResponseCache) Store {
	return &cachedStore{Store: Instrument(store, cache, nil), cache: cache}
}

// Len returns the number of cached responses, and the estimate of their size in bytes.
func (c *ResponseCache) Len() (n, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.responses.Len(), c.bytes
}

type cachedStore struct {
	Store
	cache *ResponseCache
}

var cachedItems sync.Map // the []Item of each *response

func (r *cachedStore) read(ctx context.Context, key string, read func(context.Context) ([]Item, error)) ([]Item, error) {
	admit := func() error { return nil }
	found, err := r.cache.get(ctx, key, admit, admit, func(ctx context.Context) (*response, error) {
		list, err := read(ctx)
		if err != nil {
			return nil, err
		}
		loaded := &response{Content: content.New(jsonUTF8, nil)}
		cachedItems.Store(loaded, list)
		return loaded, nil
	})
	if err != nil {
		return nil, err
	}
	list, _ := cachedItems.Load(found)
	return list.([]Item), nil
}

// List implements Store.
func (r *cachedStore) List(ctx context.Context, query Query) ([]Item, error) {
	after := fmt.Sprintf("%+v", query.After)
	rest := query
	rest.After = nil
	key := fmt.Sprintf("list %+v %s", rest, after)
	return r.read(ctx, key, func(ctx context.Context) ([]Item, error) { return r.Store.List(ctx, query) })
}

// Get implements Store.
func (r *cachedStore) Get(ctx context.Context, id int64) (Item, error) {
	list, err := r.read(ctx, fmt.Sprint("get ", id), func(ctx context.Context) ([]Item, error) {
		item, err := r.Store.Get(ctx, id)
		return []Item{item}, err
	})
	if err != nil {
		return Item{}, err
	}
	return list[0], nil
}
