package items

import "context"

// Store keeps the menu. Every engine passes the suite in items/storetest.
//
// What a method returned without an error is durable: it survives a crash of the process. A method that returned an
// error has changed nothing. All methods are safe for concurrent use and see each other's effects in one order.
//
// Apart from the errors named below, a method returns ErrUnavailable (wrapped) when the engine cannot answer for now,
// and the context's error when the context ended first.
type Store interface {
	// List returns all items, ids ascending.
	List(ctx context.Context) ([]Item, error)

	// Get returns the item. Returns ErrNotFound if there is none with the id.
	Get(ctx context.Context, id int64) (Item, error)

	// Create adds the item under a new id, whatever id it carries, and returns it as stored. Ids rise; the id of a
	// deleted item is not given out again.
	Create(ctx context.Context, item Item) (Item, error)

	// Update replaces the item by what change makes of it and returns it as stored, its id unchanged. No other write
	// comes between the item that change is given and the one that it returns. change may be called more than once and
	// must have no effects of its own; it must not call the store. Returns ErrNotFound if there is no item with the id,
	// and the error of change as it is.
	Update(ctx context.Context, id int64, change func(Item) (Item, error)) (Item, error)

	// Delete removes the item and returns what it was. allow decides on the item as it is at that moment, under the
	// terms of change in Update. Returns ErrNotFound if there is no item with the id, and the error of allow as it is.
	Delete(ctx context.Context, id int64, allow func(Item) error) (Item, error)

	// Seed adds the items, under new ids, if Seed was never called on this database before; otherwise it does nothing.
	// Seeding with no items leaves the database empty for good.
	Seed(ctx context.Context, items []Item) error

	// Ping returns nil if the store can answer.
	Ping(ctx context.Context) error

	// Close releases the store after the calls in progress have ended. No method may be called afterwards.
	Close() error
}
