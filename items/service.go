package items

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"
)

// Service has the use cases of the menu.
type Service struct {
	store Store
	// inFlight has the idempotency keys of the writes in progress.
	inFlight sync.Map
	// searches holds a value for each search that runs.
	searches chan struct{}
}

const (
	// SearchTimeout is how long a search may take, including the time that it waits for other searches.
	SearchTimeout = time.Second
	// maxSearches is how many searches run at the same time. Their cost grows with the menu, so they must not take all
	// processors or database connections.
	maxSearches = 2
)

// NewService returns a service over the store.
func NewService(store Store) *Service {
	return &Service{store: store, searches: make(chan struct{}, maxSearches)}
}

// Condition checks an item before a write. Its error is returned to the caller unchanged.
type Condition func(current Item) error

// List returns the items that the query asks for, and the page key of the next page, nil on the last one.
// Returns ErrSearchTooSlow for a search that takes longer than SearchTimeout.
func (s *Service) List(ctx context.Context, query Query) (page []Item, next *PageKey, err error) {
	limit := query.Limit
	query.Limit++ // if there is one more, there is a next page
	if len(query.Words) > 0 {
		page, err = s.search(ctx, query)
	} else {
		page, err = s.store.List(ctx, query)
	}
	if err == nil && len(page) > limit {
		page = page[:limit]
		next = PageKeyOf(page[limit-1])
	}
	return page, next, err
}

// search lists the items that contain the words of the query. The store stops a search when its context ends.
func (s *Service) search(ctx context.Context, query Query) ([]Item, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, SearchTimeout, ErrSearchTooSlow)
	defer cancel()
	select {
	case s.searches <- struct{}{}:
		defer func() { <-s.searches }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	page, err := s.store.List(ctx, query)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return page, err
}

// Get returns an item, ErrDeleted if it was deleted, or ErrNotFound if there never was such an item.
func (s *Service) Get(ctx context.Context, id int64) (Item, error) {
	item, err := s.store.Get(ctx, id)
	if errors.Is(err, ErrNotFound) {
		if _, err := s.store.History(ctx, id, 0, 1); err != nil {
			return Item{}, err
		}
		return Item{}, ErrDeleted
	}
	return item, err
}

// Create adds the item that the input describes. An id in the input is ignored.
// Returns a *ValidationError if the input is not valid, and ErrKeyReused or ErrKeyInFlight.
func (s *Service) Create(ctx context.Context, info AuditInfo, input *Input) (Item, error) {
	item, err := input.Item()
	if err != nil {
		return Item{}, err
	}
	return once(s, info, func() (Item, error) { return s.store.Create(ctx, info, item) })
}

// Replace replaces the fields of an item. If pathID is noID, the input names the item.
// Returns a *ValidationError, ErrNotFound, or the condition's error, in this order.
func (s *Service) Replace(ctx context.Context, info AuditInfo, pathID int64, input *Input, condition Condition) (Item, error) {
	id, problem := input.target(pathID)
	if err := input.validate(false, problem); err != nil {
		return Item{}, err
	}
	return s.update(ctx, info, id, condition, input.replace)
}

// Patch changes the fields of an item that the input holds (RFC 7396) and leaves the others.
// Returns a *ValidationError, ErrNotFound, or the condition's error, in this order.
func (s *Service) Patch(ctx context.Context, info AuditInfo, pathID int64, input *Input, condition Condition) (Item, error) {
	id, problem := input.target(pathID)
	if err := input.validate(true, problem); err != nil {
		return Item{}, err
	}
	return s.update(ctx, info, id, condition, input.patch)
}

func (s *Service) update(ctx context.Context, info AuditInfo, id int64, condition Condition, change func(Item) Item) (Item, error) {
	return s.store.Update(ctx, info, id, func(current Item) (Item, error) {
		if err := condition(current); err != nil {
			return Item{}, err
		}
		return change(current), nil
	})
}

// PatchMenu changes, deletes and restores the items that the patch names: all of them, or none. It returns the items that it
// changed or restored. has reports whether the caller has a permission: DeleteItems is necessary to delete an item, and
// CreateItems to restore one. condition checks the menu as List returns it first; nil checks nothing.
//
// Returns a *PermissionError, a *ValidationError, an *UnknownItemsError, or the condition's error, in this order, and
// ErrKeyReused or ErrKeyInFlight.
func (s *Service) PatchMenu(
	ctx context.Context, info AuditInfo, patch menuPatch, has func(permission string) bool, condition func(menu []Item) error,
) ([]Item, error) {
	ids := make([]int64, len(patch))
	for i, entry := range patch {
		ids[i] = entry.ID
		if entry.Input == nil && !has(DeleteItems) {
			return nil, &PermissionError{Permission: DeleteItems}
		}
	}
	info.Batch = rand.Text()
	return once(s, info, func() ([]Item, error) {
		for {
			var at *Feed
			var failed error // what the condition says about the menu at that moment
			if condition != nil {
				feed, err := s.store.Feed(ctx)
				if err != nil {
					return nil, err
				}
				menu, _, err := s.List(ctx, Query{Limit: maxPage, Sort: ByID})
				if err != nil {
					return nil, err
				}
				at, failed = &feed, condition(menu)
			}
			changed, err := s.store.UpdateMany(ctx, info, ids, at, func(current []State) ([]*Item, error) {
				after, err := patch.apply(current, has(CreateItems))
				return after, cmp.Or(err, failed)
			})
			if !errors.Is(err, ErrMenuChanged) {
				return changed, err
			}
		}
	})
}

// apply returns what shall have the ids, given their current states.
func (p menuPatch) apply(current []State, mayRestore bool) ([]*Item, error) {
	var invalid problems
	var unknown []int64
	for i, entry := range p {
		isDeleted := current[i].Item == nil && current[i].Version > 0
		if entry.Input != nil && isDeleted && !mayRestore {
			return nil, &PermissionError{Permission: CreateItems}
		}
		if current[i].Version == 0 {
			unknown = append(unknown, entry.ID)
		}
		if entry.Input == nil {
			continue
		}
		_, idProblem := entry.Input.target(entry.ID)
		if problem, ok := errors.AsType[*ValidationError](entry.Input.validate(!isDeleted, idProblem)); ok {
			invalid = append(invalid, problem.Fields...)
		}
	}
	switch {
	case len(invalid) > 0:
		return nil, invalidPatch(invalid)
	case len(unknown) > 0:
		return nil, &UnknownItemsError{IDs: unknown}
	}
	after := make([]*Item, len(p))
	for i, entry := range p {
		if entry.Input == nil {
			continue
		}
		var item Item
		if current[i].Item != nil {
			item = *current[i].Item
		}
		item = entry.Input.patch(item)
		after[i] = &item
	}
	return after, nil
}

// Delete removes an item and returns what it was.
// Returns ErrNotFound, or the condition's error, in this order.
func (s *Service) Delete(ctx context.Context, info AuditInfo, id int64, condition Condition) (Item, error) {
	return s.store.Delete(ctx, info, id, condition)
}

// Restore brings a deleted item back as it last was.
// Returns ErrNotFound, ErrNotDeleted, ErrKeyReused or ErrKeyInFlight.
func (s *Service) Restore(ctx context.Context, info AuditInfo, id int64) (Item, error) {
	return once(s, info, func() (Item, error) { return s.store.Restore(ctx, info, id) })
}

// Reset removes every item and puts the menu in their place, in one step. It returns the new items.
func (s *Service) Reset(ctx context.Context, info AuditInfo, menu []Item) ([]Item, error) {
	info.Batch = rand.Text()
	return s.store.Reset(ctx, info, menu)
}

// History returns at most limit changes of an item, also of a deleted one, newest first, those with a version under
// before. next is what before is on the next page, 0 after the last. Returns ErrNotFound if there never was such an item.
func (s *Service) History(ctx context.Context, id, before int64, limit int) (page []Change, next int64, err error) {
	page, err = s.store.History(ctx, id, before, limit+1)
	if err == nil && len(page) > limit {
		page = page[:limit]
		next = page[limit-1].Version
	}
	return page, next, err
}

// Recent returns at most limit changes of all items before the key, newest first. next is the key of the next page, nil on the
// last one.
func (s *Service) Recent(ctx context.Context, before ChangeKey, limit int) (page []Change, next *ChangeKey, err error) {
	page, err = s.store.Recent(ctx, before, limit+1)
	if err == nil && len(page) > limit {
		page = page[:limit]
		last := page[limit-1]
		next = &ChangeKey{At: last.At, ItemID: last.ItemID, Version: last.Version}
	}
	return page, next, err
}

// once rejects a request whose key belongs to a request in progress. The store handles the keys of finished requests. Two
// replicas do not know each other's requests: the second waits in the store for the first, and gets its response.
func once[T any](s *Service, info AuditInfo, write func() (T, error)) (result T, err error) {
	if info.Key != nil {
		key := [2]string{info.By, info.Key.Value}
		if _, busy := s.inFlight.LoadOrStore(key, true); busy {
			return result, ErrKeyInFlight
		}
		defer s.inFlight.Delete(key)
	}
	return write()
}
