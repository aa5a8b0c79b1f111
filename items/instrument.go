package items

import (
	"context"
	"time"
)

// Observer is called at the start of each operation of a store, such as "create". It returns the context for the operation,
// and a function that is called with the error at its end.
type Observer func(ctx context.Context, operation string) (context.Context, func(error))

// Instrument wraps a store: observe sees each operation, and writes invalidate the cache. It belongs directly around the
// engine, so that everything in the process goes through it. Either argument may be nil.
func Instrument(store Store, cache *ResponseCache, observe Observer) Store {
	if cache == nil {
		cache = NewResponseCache()
	}
	if observe == nil {
		observe = func(ctx context.Context, _ string) (context.Context, func(error)) { return ctx, func(error) {} }
	}
	return &instrumented{store, cache, observe}
}

// instrumented embeds no Store, so that a new method does not compile before it is instrumented here.
type instrumented struct {
	store   Store
	cache   *ResponseCache
	observe Observer
}

// write is observe for an operation that changes the menu.
func (s *instrumented) write(ctx context.Context, operation string) (context.Context, func(error)) {
	endWrite := s.cache.write()
	ctx, observed := s.observe(ctx, operation)
	return ctx, func(err error) {
		endWrite()
		observed(err)
	}
}

func (s *instrumented) List(ctx context.Context, query Query) (list []Item, err error) {
	ctx, end := s.observe(ctx, "list")
	defer func() { end(err) }()
	return s.store.List(ctx, query)
}

func (s *instrumented) Categories(ctx context.Context, limit int) (names []string, err error) {
	ctx, end := s.observe(ctx, "categories")
	defer func() { end(err) }()
	return s.store.Categories(ctx, limit)
}

func (s *instrumented) Get(ctx context.Context, id int64) (item Item, err error) {
	ctx, end := s.observe(ctx, "get")
	defer func() { end(err) }()
	return s.store.Get(ctx, id)
}

func (s *instrumented) Create(ctx context.Context, info AuditInfo, item Item) (created Item, err error) {
	ctx, end := s.write(ctx, "create")
	defer func() { end(err) }()
	return s.store.Create(ctx, info, item)
}

func (s *instrumented) Update(ctx context.Context, info AuditInfo, id int64, change func(Item) (Item, error)) (item Item, err error) {
	ctx, end := s.write(ctx, "update")
	defer func() { end(err) }()
	return s.store.Update(ctx, info, id, change)
}

func (s *instrumented) Delete(ctx context.Context, info AuditInfo, id int64, allow func(Item) error) (item Item, err error) {
	ctx, end := s.write(ctx, "delete")
	defer func() { end(err) }()
	return s.store.Delete(ctx, info, id, allow)
}

func (s *instrumented) Restore(ctx context.Context, info AuditInfo, id int64) (item Item, err error) {
	ctx, end := s.write(ctx, "restore")
	defer func() { end(err) }()
	return s.store.Restore(ctx, info, id)
}

func (s *instrumented) UpdateMany(
	ctx context.Context, info AuditInfo, ids []int64, at *Feed, change func([]State) ([]*Item, error),
) (list []Item, err error) {
	ctx, end := s.write(ctx, "update_many")
	defer func() { end(err) }()
	return s.store.UpdateMany(ctx, info, ids, at, change)
}

func (s *instrumented) Reset(ctx context.Context, info AuditInfo, menu []Item) (list []Item, err error) {
	ctx, end := s.write(ctx, "reset")
	defer func() { end(err) }()
	return s.store.Reset(ctx, info, menu)
}

func (s *instrumented) Seed(ctx context.Context, info AuditInfo, menu []Item) (err error) {
	ctx, end := s.write(ctx, "seed")
	defer func() { end(err) }()
	return s.store.Seed(ctx, info, menu)
}

func (s *instrumented) Import(ctx context.Context, info AuditInfo, replace bool, next func() (Record, error)) (err error) {
	ctx, end := s.write(ctx, "import")
	defer func() { end(err) }()
	return s.store.Import(ctx, info, replace, next)
}

func (s *instrumented) Export(ctx context.Context, history bool, yield func(Record) error) (err error) {
	ctx, end := s.observe(ctx, "export")
	defer func() { end(err) }()
	return s.store.Export(ctx, history, yield)
}

func (s *instrumented) History(ctx context.Context, id, before int64, limit int) (changes []Change, err error) {
	ctx, end := s.observe(ctx, "history")
	defer func() { end(err) }()
	return s.store.History(ctx, id, before, limit)
}

func (s *instrumented) Recent(ctx context.Context, before ChangeKey, limit int) (changes []Change, err error) {
	ctx, end := s.observe(ctx, "recent")
	defer func() { end(err) }()
	return s.store.Recent(ctx, before, limit)
}

func (s *instrumented) Prune(ctx context.Context, now time.Time, retention time.Duration) (err error) {
	ctx, end := s.observe(ctx, "prune")
	defer func() { end(err) }()
	return s.store.Prune(ctx, now, retention)
}

func (s *instrumented) Erase(ctx context.Context, subject string) (changes int64, err error) {
	ctx, end := s.observe(ctx, "erase")
	defer func() { end(err) }()
	return s.store.Erase(ctx, subject)
}

func (s *instrumented) Changes(ctx context.Context, after int64, limit int) (changes []Change, err error) {
	ctx, end := s.observe(ctx, "changes")
	defer func() { end(err) }()
	return s.store.Changes(ctx, after, limit)
}

// Feed implements Store. It is a part of the operation "changes".
func (s *instrumented) Feed(ctx context.Context) (feed Feed, err error) {
	ctx, end := s.observe(ctx, "changes")
	defer func() { end(err) }()
	return s.store.Feed(ctx)
}

func (s *instrumented) Ping(ctx context.Context) (err error) {
	ctx, end := s.observe(ctx, "ping")
	defer func() { end(err) }()
	return s.store.Ping(ctx)
}

// Wait implements Store. It is not observed, because waiting is its purpose.
func (s *instrumented) Wait(ctx context.Context) error { return s.store.Wait(ctx) }

func (s *instrumented) Close() error { return s.store.Close() }
