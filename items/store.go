package items

import (
	"context"
	"time"
)

// Store keeps the menu and its history. Every engine passes the suite in items/storetest.
//
// If a method returns no error, its effect is durable: it survives a crash of the process and of the machine, as far as the
// file system keeps its promises. If a method returns an error, it has changed nothing, unless the error is ErrUncertain.
// All methods are safe for concurrent use and see each other's effects in one order.
//
// Every write adds one Change with the audit info to the history, in the same transaction, and raises the item's version
// by one. A new item has version 1.
//
// In addition to the errors named below, a method returns ErrUnavailable (wrapped) if the engine cannot answer for now,
// and the context's error if the context ends first.
type Store interface {
	// List returns the items that the query asks for, in its order.
	List(ctx context.Context, query Query) ([]Item, error)

	// Categories returns at most limit categories in order, each once, in the spelling of its first item. Its cost grows with
	// the number of categories, not with the menu.
	Categories(ctx context.Context, limit int) ([]string, error)

	// Get returns the item, or ErrNotFound if no item has the id.
	Get(ctx context.Context, id int64) (Item, error)

	// Create adds the item under a new id, ignoring the id it carries, and returns it as stored. Ids rise, and the id of a
	// deleted item is not used again.
	//
	// If the Key of the audit info was used before, Create changes nothing: it returns the item as that write left it, or
	// ErrKeyReused if that was another request. A key is remembered for KeyLifetime after its write.
	Create(ctx context.Context, info AuditInfo, item Item) (Item, error)

	// Update replaces the item by the result of change and returns it as stored, with the same id. No other write happens
	// between the item that change receives and the item that it returns. change may be called more than once, so it must
	// have no side effects; it must not call the store. Update returns ErrNotFound if no item has the id, and an error of
	// change unchanged.
	Update(ctx context.Context, info AuditInfo, id int64, change func(Item) (Item, error)) (Item, error)

	// Delete removes the item and returns it as it was. allow decides on the item as it is at that moment; it follows the
	// rules for change in Update. Delete returns ErrNotFound if no item has the id, and an error of allow unchanged.
	Delete(ctx context.Context, info AuditInfo, id int64, allow func(Item) error) (Item, error)

	// Restore brings a deleted item back as it was and returns it. Its version keeps rising. The Key works as in Create.
	// Restore returns ErrNotDeleted if the item exists, and ErrNotFound if there never was an item with the id.
	Restore(ctx context.Context, info AuditInfo, id int64) (Item, error)

	// UpdateMany changes the items with the ids, each once, in one step: all of them, or none. change receives the state of
	// each id and returns what shall have the id, nil for nothing, in the order of ids; it follows the rules for change in
	// Update. An item that did not exist is restored. change must return an error if there never was an item with an id.
	//
	// UpdateMany returns the items that change returned, as stored. The Key works as in Create, with all of these items. If at
	// is not nil and is not the state of the feed, UpdateMany changes nothing and returns ErrMenuChanged, unless change
	// returns an error.
	UpdateMany(ctx context.Context, info AuditInfo, ids []int64, at *Feed, change func([]State) ([]*Item, error)) ([]Item, error)

	// Reset deletes every item, as Delete does, and then adds the items of the menu, as Create does, in one step: no other
	// write happens in between. It returns the new items as stored. In the feed it is one change, with the item id 0.
	Reset(ctx context.Context, info AuditInfo, menu []Item) ([]Item, error)

	// History returns at most limit changes of the item with a version below before, newest first. If before is 0, it
	// starts with the newest. The oldest change after Prune has no Before. History returns ErrNotFound if there never was
	// an item with the id.
	History(ctx context.Context, id, before int64, limit int) ([]Change, error)

	// Recent returns at most limit changes of all items before the key, newest first.
	Recent(ctx context.Context, before ChangeKey, limit int) ([]Change, error)

	// Prune deletes the idempotency keys that have expired, and, if retention is not zero, the changes older than that. It keeps
	// the last change of every item and, if that is the deletion, the change before it, so that Restore works. Newest in
	// Feed never falls. Prune works in small steps, so that it delays no other call for long. It may also free disk space.
	Prune(ctx context.Context, now time.Time, retention time.Duration) error

	// Erase replaces the subject by Erased in the history, forgets the subject's idempotency keys, and returns the number of
	// changes. It works in small steps: if it returns an error, it may have done a part of its work.
	Erase(ctx context.Context, subject string) (changes int64, err error)

	// Changes returns at most limit changes of any item whose number is above after, in ascending order. Numbers rise in
	// the order of commits, so a reader that continues after the last number misses nothing. Numbers may have gaps.
	// Imported history has no number and is not in the feed. A change with the item id 0 says that many items have changed
	// at once. Only the changes that this method returns have a Number, and they have no Before.
	Changes(ctx context.Context, after int64, limit int) ([]Change, error)

	// Feed returns the identity of the change feed and its newest number.
	Feed(ctx context.Context) (Feed, error)

	// Wait returns when there may be new changes, including those of other processes, at the latest after PollInterval. If
	// the context ends first, it returns the context's error.
	Wait(ctx context.Context) error

	// Seed adds the items under new ids, unless Seed or Import was called on this database before. Seeding with no items
	// leaves the database empty for good.
	Seed(ctx context.Context, info AuditInfo, items []Item) error

	// Export calls yield with the items, ids ascending, and then, if history is true, with every change, by item and
	// version, without Before. The records are those of one moment, while writes continue. yield may keep and change a record.
	// Export returns an error of yield unchanged.
	Export(ctx context.Context, history bool, yield func(Record) error) error

	// Import adds the records that next returns until io.EOF: all of them, or none. An item without an id gets a new one.
	// An item without a version is new in the history, with the audit info. An item with a version brings its history in
	// records of changes, which follow all items. With replace, Import first removes everything, and the feed gets a new id.
	// In the feed an import is one change, with the item id 0.
	//
	// Import returns ErrExists, usually inside a *RecordError, if an item with the id exists or existed; ErrBadHistory if the
	// history of an item has a gap, begins with a deletion or does not end with its version; and an error of next unchanged.
	Import(ctx context.Context, info AuditInfo, replace bool, next func() (Record, error)) error

	// Ping returns nil if the store can answer.
	Ping(ctx context.Context) error

	// Close closes the store after the calls in progress have ended. No method may be called afterwards.
	Close() error
}

// Feed says which feed of changes a database has, and how far it reaches.
type Feed struct {
	// ID changes when the database is replaced: numbers of different feeds cannot be compared.
	ID string
	// Newest is the number of the newest change.
	Newest int64
	// Pruned is the highest number of a change that Prune deleted: a reader that stopped before it has missed changes.
	Pruned int64
}

// State is the state of an id at one moment.
type State struct {
	// Item is nil if no item has the id.
	Item *Item
	// Version is that of the last change. It is 0 if there never was an item with the id.
	Version int64
}

// Erased replaces the subject of a person in the history.
const Erased = "erased"

// PollInterval is how often Wait looks for the changes of other processes.
const PollInterval = 250 * time.Millisecond

// Record is one record of an export: an item, or a change.
type Record struct {
	Item   *Item
	Change *Change
}
