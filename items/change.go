package items

import (
	"crypto/sha256"
	"time"

	"github.com/go-json-experiment/json"
)

// Action is what a change did to its item.
type Action string

// The actions.
const (
	Created  Action = "create"
	Updated  Action = "update"
	Deleted  Action = "delete"
	Restored Action = "restore"
	// Imported stands for many items at once, imported or removed. It is in the feed alone, never in the history of an item.
	Imported Action = "import"
)

// Change is one step in the history of an item.
type Change struct {
	ItemID  int64  `json:"id"`
	Version int64  `json:"version"`
	Action  Action `json:"action"`
	// By is the subject of the token that the change was made with.
	By string `json:"by"`
	// At is in UTC, to the millisecond.
	At time.Time `json:"at"`
	// Before and After are the item on either side of the change. Before is nil for a new item and a restored one, After
	// for a deleted one.
	Before *Item `json:"before"`
	After  *Item `json:"after"`

	// Place is where the change stands in the feed.
	Place Place `json:"-"`
}

// Stamp is what a write is signed with in the history.
type Stamp struct {
	By string
	At time.Time
	// Key makes a retried request count once. It may be nil.
	Key *Key
}

// Key is an idempotency key. It belongs to the subject of its stamp.
type Key struct {
	Value string
	// Fingerprint tells whether a request under the same key is the same request.
	Fingerprint [sha256.Size]byte
}

// ID is what a store keeps of the key: a digest of it and the subject, of fixed size whatever a client sends.
func (k *Key) ID(subject string) []byte {
	id := sha256.Sum256([]byte(subject + "\x00" + k.Value))
	return id[:]
}

// KeyLifetime is how long a key is remembered.
const KeyLifetime = 24 * time.Hour

// TimeOf is the time that stores keep as milliseconds since 1970.
func TimeOf(milliseconds int64) time.Time { return time.UnixMilli(milliseconds).UTC() }

// Snapshot is the JSON of an item as histories keep it. It is nil for no item.
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

// FromSnapshot reads a snapshot of an item at the version.
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
