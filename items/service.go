package items

import "context"

// Service is what can be done with the menu.
type Service struct{ store Store }

// NewService returns a service over the store.
func NewService(store Store) *Service { return &Service{store: store} }

// Condition decides on an item whether a write may go on. Its error is returned to the caller as it is.
type Condition func(current Item) error

// List returns the menu, ids ascending.
func (s *Service) List(ctx context.Context) ([]Item, error) { return s.store.List(ctx) }

// Get returns an item, or ErrNotFound.
func (s *Service) Get(ctx context.Context, id int64) (Item, error) { return s.store.Get(ctx, id) }

// Create adds the item that the draft describes. An id in the draft is ignored.
// Returns a *ValidationError if the draft is not valid.
func (s *Service) Create(ctx context.Context, draft *Draft) (Item, error) {
	if err := draft.validate(""); err != nil {
		return Item{}, err
	}
	return s.store.Create(ctx, draft.item())
}

// Replace makes an item what the draft describes. With noID as pathID, the draft names the item.
// Returns a *ValidationError, ErrNotFound, or the condition's error, in this order.
func (s *Service) Replace(ctx context.Context, pathID int64, draft *Draft, may Condition) (Item, error) {
	id, problem := draft.target(pathID)
	if err := draft.validate(problem); err != nil {
		return Item{}, err
	}
	return s.update(ctx, id, may, func(Item) Item { return draft.item() })
}

// Patch changes the fields of an item that the draft holds (RFC 7396) and leaves the others.
// Returns a *ValidationError, ErrNotFound, or the condition's error, in this order.
func (s *Service) Patch(ctx context.Context, pathID int64, draft *Draft, may Condition) (Item, error) {
	id, problem := draft.target(pathID)
	if err := draft.validatePatch(problem); err != nil {
		return Item{}, err
	}
	return s.update(ctx, id, may, draft.patch)
}

func (s *Service) update(ctx context.Context, id int64, may Condition, change func(Item) Item) (Item, error) {
	return s.store.Update(ctx, id, func(current Item) (Item, error) {
		if err := may(current); err != nil {
			return Item{}, err
		}
		return change(current), nil
	})
}

// Delete removes an item and returns what it was.
// Returns ErrNotFound, or the condition's error, in this order.
func (s *Service) Delete(ctx context.Context, id int64, may Condition) (Item, error) {
	return s.store.Delete(ctx, id, may)
}
