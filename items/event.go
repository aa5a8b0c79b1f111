package items

import (
	"github.com/go-json-experiment/json"
)

// Event is a change as those who follow the menu see it. It does not tell who made the change.
type Event struct {
	// ItemID is 0 when everything may have changed: who keeps a copy of the menu has to get it anew.
	ItemID int64  `json:"id"`
	Action Action `json:"action"`
	// Version is that of the item after the change.
	Version int64 `json:"version"`
	// Item is the item as the change left it, nil when it is deleted.
	Item *Item `json:"item"`

	// After is the place behind the change: who has seen this event resumes from here.
	After Cursor `json:"-"`

	// restart is true when places from before the event mean nothing any more.
	restart bool
	place   Place
	data    []byte
	frame   []byte
}

// Everything reports whether the event says that everything may have changed.
func (e *Event) Everything() bool { return e.ItemID == 0 }

// Frame returns the event as it goes over the wire (the HTML standard, section 9.2: server-sent events). It is encoded
// once and shared by all who receive it, so nobody may write to it.
func (e *Event) Frame() []byte { return e.frame }

// eventOf returns the event of a change. before is the place before it.
func eventOf(change Change, before Cursor) (*Event, error) {
	e := &Event{
		ItemID: change.ItemID, Action: change.Action, Version: change.Version, Item: change.After,
		place: change.Place,
	}
	var err error
	if e.data, err = json.Marshal(e); err != nil {
		return nil, err
	}
	e.frameAt(before.past(change.Place))
	return e, nil
}

// everythingAt is the event that everything before the cursor may have changed.
func everythingAt(cursor Cursor) *Event {
	e := &Event{After: cursor}
	e.frame = frame("reset", cursor, []byte("{}"))
	return e
}

func (e *Event) frameAt(after Cursor) {
	e.After = after
	e.frame = frame("change", after, e.data)
}

// isNewTo reports whether the event is not among those that come before the cursor.
func (e *Event) isNewTo(cursor Cursor) bool {
	if e.Everything() {
		return !cursor.reaches(e.After)
	}
	return e.place.Seq > cursor[e.place.Lane]
}

// from returns the event for one who has seen all before the cursor, which may be further in other lanes.
func (e *Event) from(cursor Cursor) *Event {
	after := furthest(e.After, cursor)
	if e.Everything() {
		return everythingAt(after)
	}
	own := *e
	own.frameAt(after)
	return &own
}

// frame writes an event. JSON has no line breaks, and so the data is one line.
func frame(name string, id Cursor, data []byte) []byte {
	b := make([]byte, 0, len(data)+64)
	b = append(b, "event: "...)
	b = append(b, name...)
	b = append(b, "\nid: "...)
	b = append(b, id.String()...)
	b = append(b, "\ndata: "...)
	b = append(b, data...)
	return append(b, "\n\n"...)
}
