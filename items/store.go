package items

import (
	"context"
	"time"
)

// Store keeps the menu and its history. Every engine passes the suite in items/storetest.
//
// What a method returned without an error is durable: it survives a crash of the process and of the machine, as far as
// the file system keeps its word. A method that returned an error has changed nothing, unless the error is ErrUncertain.
// All methods are safe for concurrent use and see each other's effects in one order.
//
// Every write puts one Change with the stamp into the history, in the same transaction, and raises the item's version by
// one; a new item has version 1.
//
// Apart from the errors named below, a method returns ErrUnavailable (wrapped) when the engine cannot answer for now,
// and the context's error when the context ended first.
type Store interface {
	// List returns the items that the query asks for, in its order.
	List(ctx context.Context, query Query) ([]Item, error)

	// Get returns the item. Returns ErrNotFound if there is none with the id.
	Get(ctx context.Context, id int64) (Item, error)

	// Create adds the item under a new id, whatever id it carries, and returns it as stored. Ids rise; the id of a
	// deleted item is not given out again.
	//
	// If the stamp has a Key that was used before, nothing is changed: Create returns the item as that write left it, or
	// ErrKeyReused if it was another request. A key is remembered for KeyLifetime after its write.
	Create(ctx context.Context, stamp Stamp, item Item) (Item, error)

	// Update replaces the item by what change makes of it and returns it as stored, its id unchanged. No other write
	// comes between the item that change is given and the one that it returns. change may be called more than once and
	// must have no effects of its own; it must not call the store. Returns ErrNotFound if there is no item with the id,
	// and the error of change as it is.
	Update(ctx context.Context, stamp Stamp, id int64, change func(Item) (Item, error)) (Item, error)

	// Delete removes the item and returns what it was. allow decides on the item as it is at that moment, under the
	// terms of change in Update. Returns ErrNotFound if there is no item with the id, and the error of allow as it is.
	Delete(ctx context.Context, stamp Stamp, id int64, allow func(Item) error) (Item, error)

	// Restore brings a deleted item back as it last was and returns it. Its version goes on rising. The stamp's Key works
	// as in Create. Returns ErrNotDeleted if the item is there, and ErrNotFound if there never was one with the id.
	Restore(ctx context.Context, stamp Stamp, id int64) (Item, error)

	// Reset removes every item, as Delete does, and then adds those of the menu, as Create does, in one step: no other
	// write comes between. It returns the new items as stored. In the feed it is one change, with the id 0.
	Reset(ctx context.Context, stamp Stamp, menu []Item) ([]Item, error)

	// History returns at most limit changes of the item, those with a version under before, newest first. before 0 begins
	// with the newest. Returns ErrNotFound if there never was an item with the id.
	History(ctx context.Context, id, before int64, limit int) ([]Change, error)

	// Changes returns at most limit changes of any item that were committed after the cursor was, and the cursor that
	// comes after them. Those of one item come in the order of their versions. A nil cursor stands for now: it returns no
	// changes and the cursor to begin with. No change is ever skipped, in whatever order transactions commit. A change
	// with the id 0 says that many items have changed at once. Here alone, changes tell their Place.
	Changes(ctx context.Context, after Cursor, limit int) ([]Change, Cursor, error)

	// Await returns when there may be new changes, also those of other processes, at the latest after PollInterval. It
	// returns the context's error when the context ends first.
	Await(ctx context.Context) error

	// Seed adds the items, under new ids, if Seed or Import was never called on this database before; otherwise it does
	// nothing. Seeding with no items leaves the database empty for good.
	Seed(ctx context.Context, stamp Stamp, items []Item) error

	// Export calls yield with the items, ids ascending, and then, if history is true, with every change, by item and
	// version. It all comes from one moment, while writes go on. Returns the error of yield as it is.
	Export(ctx context.Context, history bool, yield func(Record) error) error

	// Import adds the records that next returns until io.EOF: all of them, or none. An item without an id is given a new
	// one. An item without a version is new in the history, under the stamp; one with a version brings its history along
	// in records of changes, which come after all items. With replace, everything that was there before is removed first.
	//
	// Returns ErrExists inside a *RecordError if there is, or was, an item with the id; ErrBadHistory if the history of an
	// item does not end with its version; and the error of next as it is.
	Import(ctx context.Context, stamp Stamp, replace bool, next func() (Record, error)) error

	// Ping returns nil if the store can answer.
	Ping(ctx context.Context) error

	// Close releases the store after the calls in progress have ended. No method may be called afterwards.
	Close() error
}

// PollInterval is how often Await looks for the changes of other processes.
const PollInterval = 250 * time.Millisecond

// Record is one record of an export: an item, or a change.
type Record struct {
	Item   *Item
	Change *Change
}
