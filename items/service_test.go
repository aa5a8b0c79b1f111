package items_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"menu-api/items"
)

// slowSearches is a store where a list takes until its context ends.
type slowSearches struct {
	items.Store
	started chan struct{}
}

func (s slowSearches) List(ctx context.Context, query items.Query) ([]items.Item, error) {
	if len(query.Words) == 0 {
		return nil, nil
	}
	s.started <- struct{}{}
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestSearchLimits(t *testing.T) {
	t.Parallel()
	store := slowSearches{started: make(chan struct{}, 100)}
	service := items.NewService(store)
	search := items.Query{Words: []string{"soup"}, Limit: 1}
	const searches = 10
	errs := make(chan error, searches)
	began := time.Now()
	for range searches {
		go func() {
			_, _, err := service.List(context.Background(), search)
			errs <- err
		}()
	}
	for range 2 {
		<-store.started
	}
	gone, leave := context.WithCancel(context.Background())
	leave()
	if _, _, err := service.List(gone, search); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v for a search whose client has left, want %v", err, context.Canceled)
	}
	if _, _, err := service.List(context.Background(), items.Query{Limit: 1}); err != nil {
		t.Errorf("got error %v for a list without words, want none", err)
	}
	for range searches {
		if err := <-errs; !errors.Is(err, items.ErrSearchTooSlow) {
			t.Errorf("got error %v, want %v", err, items.ErrSearchTooSlow)
		}
	}
	// A search that waits until the deadline must not start afterwards.
	if took := time.Since(began); took < items.SearchTimeout || took > 3*items.SearchTimeout {
		t.Errorf("the searches took %v, want about %v", took, items.SearchTimeout)
	}
}
