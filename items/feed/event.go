package feed

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"menu-api/items"
)

// Event is a change as subscribers see it. It does not say who made the change.
type Event struct {
	// ItemID is 0 in a reset: everything may have changed, and a client that keeps a copy of the menu has to reload it.
	ItemID int64        `json:"id"`
	Action items.Action `json:"action"`
	// Version is the version of the item after the change.
	Version int64 `json:"version"`
	// Item is the item after the change, nil if the change deleted it.
	Item *items.Item `json:"item"`

	// ID is where a subscriber that has seen the event resumes.
	ID EventID `json:"-"`

	frame []byte
}

// EventID is the id of an event on the wire: the feed and the sequence number of the change.
type EventID struct {
	Feed   string
	Number int64
}

// String returns the id as clients see it. They treat it as opaque.
func (id EventID) String() string { return id.Feed + "-" + strconv.FormatInt(id.Number, 10) }

// parseEventID reads the output of String. For any other text it returns the zero id, which is not in any feed.
func parseEventID(text string) EventID {
	feed, digits, _ := strings.Cut(text, "-")
	number, err := strconv.ParseInt(digits, 10, 64)
	if id := (EventID{feed, number}); err == nil && number >= 0 && id.String() == text {
		return id
	}
	return EventID{}
}

// IsReset reports whether everything may have changed.
func (e *Event) IsReset() bool { return e.ItemID == 0 }

// Frame returns the event as a server-sent event. All subscribers share it, so it must not be modified.
func (e *Event) Frame() []byte { return e.frame }

func newEvent(feed string, change items.Change) (*Event, error) {
	e := &Event{
		ItemID: change.ItemID, Action: change.Action, Version: change.Version, Item: change.After,
		ID: EventID{feed, change.Number},
	}
	data, err := json.Marshal(e)
	e.frame = frame("change", e.ID, data)
	return e, err
}

// newReset returns the event which says that anything up to the position may have changed.
func newReset(at items.Feed) *Event {
	id := EventID{at.ID, at.Newest}
	return &Event{ID: id, frame: frame("reset", id, []byte("{}"))}
}

// frame formats an event (HTML standard, section 9.2). JSON has no line breaks, so the data is one line.
func frame(name string, id EventID, data []byte) []byte {
	return fmt.Appendf(nil, "event: %s\nid: %s\ndata: %s\n\n", name, id, data)
}
