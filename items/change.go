package items

import (
	"crypto/sha256"
	"time"

	"github.com/go-json-experiment/json"
)

// Action is what a change did to the item.
type Action string

// The actions.
const (
	Created  Action = "create"
	Updated  Action = "update"
	Deleted  Action = "delete"
	Restored Action = "restore"
	// Imported means that many items were imported or removed at once. It is only in the feed, not in the history of an item.
	Imported Action = "import"
)

// Change is one step in the history of an item.
type Change struct {
	ItemID  int64  `json:"id"`
	Version int64  `json:"version"`
	Action  Action `json:"action"`
	// By is the subject of the token that the change was made with.
	By string `json:"by"`
	// ByName is the name in that token, "" if it has none.
	ByName string `json:"byName,omitempty"`
	// At is in UTC, to the millisecond.
	At time.Time `json:"at"`
	// Batch is the same for all changes of a request that changed several items, and "" for any other request.
	Batch string `json:"batch,omitempty"`
	// Before and After are the item before and after the change. Before is nil if the change created or restored the item, or
	// if Prune deleted the change before it; After is nil if the change deleted the item. Stores keep After only: Before is the
	// After of the previous version.
	Before *Item `json:"before"`
	After  *Item `json:"after"`

	// Number is the place of the change in the feed.
	Number int64 `json:"-"`
}

// ChangeKey is the place of a change in the history of the whole menu: changes are ordered by time, then by item and version.
type ChangeKey struct {
	At              time.Time // in milliseconds
	ItemID, Version int64
}

// NewestChange is a key after all changes: the page before it begins with the newest change.
var NewestChange = ChangeKey{At: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)}

// AuditInfo is recorded with a write: who made it, when, and under which idempotency key.
type AuditInfo struct {
	By   string
	Name string // of By, "" if it is not known
	At   time.Time
	// Batch marks the changes of a write of several items, see Change. Store.UpdateMany requires it.
	Batch string
	// Key makes a retried request count once. It may be nil.
	Key *Key
}

// Change returns the change of an item that the write makes, nil for an item that it deletes.
func (i AuditInfo) Change(action Action, id, version int64, after *Item) Change {
	return Change{ItemID: id, Version: version, Action: action, By: i.By, ByName: i.Name, At: i.At, Batch: i.Batch, After: after}
}

// Key is an idempotency key. Keys of different subjects are different.
type Key struct {
	Value string
	// Fingerprint is a digest of the request: a different request with the same key is an error.
	Fingerprint [sha256.Size]byte
}

// ID returns the digest of the subject and the key, under which a store keeps the key.
func (k *Key) ID(subject string) []byte {
	id := sha256.Sum256([]byte(subject + "\x00" + k.Value))
	return id[:]
}

// KeyLifetime is how long a key is remembered.
const KeyLifetime = 24 * time.Hour

// TimeOf converts milliseconds since 1970, as stores keep them, to a time.
func TimeOf(milliseconds int64) time.Time { return time.UnixMilli(milliseconds).UTC() }

// Snapshot returns the JSON of an item as the history keeps it, or nil for nil.
func Snapshot(item *Item) (*string, error) {
	if item == nil {
		return nil, nil //nolint:nilnil // no item, no snapshot
	}
	text, err := json.Marshal(item)
	if err != nil {
		return nil, err
	}
	s := string(text)
	return &s, nil
}

// FromSnapshot decodes a snapshot of an item at a version.
func FromSnapshot(snapshot *string, version int64) (*Item, error) {
	if snapshot == nil {
		return nil, nil //nolint:nilnil // no snapshot, no item
	}
	item := Item{Version: version}
	if err := json.Unmarshal([]byte(*snapshot), &item); err != nil {
		return nil, err
	}
	return &item, nil
}
