package items

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// ParseRecord reads a line of an export: an item, {"item":{...}} or bare, under the rules of a POST, or {"change":{...}}.
// Unlike in a POST, the id of an item counts, and it may have a version. They are 0 if they are omitted.
//
// The error is a *ValidationError.
func ParseRecord(line []byte) (Record, error) {
	object, err := ParseObject(line, "line", `{"item":{...}}`)
	if err != nil {
		return Record{}, err
	}
	var r recordReader
	if value, isChange := object["change"]; isChange {
		r.only(object, "", "a line", "change")
		change := r.change(value)
		return Record{Change: &change}, r.problem()
	}
	value, wrapped := object["item"]
	if !wrapped {
		item, err := ParseItem(object)
		return Record{Item: &item}, err
	}
	var item Item
	if value.Kind() != jsontext.KindBeginObject {
		r.add("item", "must be an object")
	} else {
		item = r.item(membersOf(value), "item.", true)
	}
	r.only(object, "", "a line", "item")
	return Record{Item: &item}, r.problem()
}

// ParseItem reads an item as ParseRecord does, from members that are known already, such as the cells of a table.
//
// The error is a *ValidationError.
func ParseItem(members Object) (Item, error) {
	var r recordReader
	item := r.item(members, "", true)
	return item, r.problem()
}

// recordReader collects everything that is wrong with a record.
type recordReader struct{ problems }

func (r *recordReader) problem() error {
	return r.err("The line is not valid. See errors for each invalid field.")
}

// only rejects members with other names than these. of is the name of the object for the message.
func (r *recordReader) only(object Object, prefix, of string, names ...string) {
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if !slices.Contains(names, name) && len(r.problems) < maxUnknown {
			r.add(prefix+shorten(name), "is not a field of "+of)
		}
	}
}

// item reads the members of an item. Only a versioned item may have a version.
func (r *recordReader) item(members Object, prefix string, versioned bool) Item {
	in := NewInput(prefix)
	var id, version int64
	var idProblem, versionProblem string
	for name, value := range members {
		switch {
		case name == "id":
			id, idProblem = positive(value)
		case name == "version" && versioned:
			version, versionProblem = positive(value)
		default:
			in.Add(name, value)
		}
	}
	if invalid, ok := errors.AsType[*ValidationError](in.validate(false, idProblem)); ok {
		r.problems = append(r.problems, invalid.Fields...)
	}
	if version > 0 && id == 0 && idProblem == "" {
		versionProblem = "needs an id: add the id, or omit the version"
	}
	if versionProblem != "" {
		r.add(prefix+"version", versionProblem)
	}
	item := in.patch(Item{})
	item.ID, item.Version = id, version
	return item
}

// positive reads a positive integer. null is 0.
func positive(value jsontext.Value) (n int64, problem string) {
	if value.Kind() == jsontext.KindNull {
		return 0, ""
	}
	if n, ok := decodeNumber(value, 0); ok && n > 0 {
		return n, ""
	}
	return 0, "must be a positive integer"
}

// snapshots says which states of an item the change of each action has. Other actions do not change a single item.
var snapshots = map[Action]struct{ before, after bool }{
	Created:  {after: true},
	Updated:  {before: true, after: true},
	Deleted:  {before: true},
	Restored: {after: true},
}

func (r *recordReader) change(value jsontext.Value) (c Change) {
	if value.Kind() != jsontext.KindBeginObject {
		r.add("change", "must be an object")
		return c
	}
	members := membersOf(value)
	c.ItemID = required(r, members, "id", positive)
	c.Version = required(r, members, "version", positive)
	c.Action = required(r, members, "action", decodeAction)
	c.By = required(r, members, "by", decodeText)
	c.At = required(r, members, "at", decodeTime)
	c.ByName, c.Batch = r.optionalText(members, "byName"), r.optionalText(members, "batch")
	if has, known := snapshots[c.Action]; known {
		before, sent := members["before"]
		if pruned := c.Action == Updated && sent && before.Kind() == jsontext.KindNull; !pruned {
			c.Before = r.snapshot(members, "before", c, has.before, c.Version-1)
		}
		c.After = r.snapshot(members, "after", c, has.after, c.Version)
	}
	r.only(members, "change.", "a change", "id", "version", "action", "by", "byName", "at", "batch", "before", "after")
	return c
}

// required decodes a member of a change that must be present. It returns the zero value if the member is missing or wrong.
func required[T any](r *recordReader, change Object, name string, decode func(jsontext.Value) (T, string)) (decoded T) {
	problem := "is required"
	if value, sent := change[name]; sent && value.Kind() != jsontext.KindNull {
		decoded, problem = decode(value)
	}
	if problem != "" {
		r.add("change."+name, problem)
	}
	return decoded
}

// optionalText decodes a text of a change that may be missing.
func (r *recordReader) optionalText(change Object, name string) string {
	if value, sent := change[name]; !sent || value.Kind() == jsontext.KindNull {
		return ""
	}
	return required(r, change, name, decodeText)
}

func decodeAction(value jsontext.Value) (Action, string) {
	text, problem := decodeText(value)
	if _, known := snapshots[Action(text)]; !known && problem == "" {
		problem = "must be create, update, delete or restore"
	}
	return Action(text), problem
}

func decodeTime(value jsontext.Value) (at time.Time, problem string) {
	text, problem := decodeText(value)
	at, err := time.Parse("2006-01-02T15:04:05Z", text) // accepts a fraction of a second, too
	if problem == "" && (err != nil || !at.Equal(at.Truncate(time.Millisecond))) {
		problem = "must be a time in UTC such as 2026-02-28T22:59:59.123Z"
	}
	return at, problem
}

// snapshot reads the state of the item before or after a change, which must be present if wanted, and null otherwise.
func (r *recordReader) snapshot(change Object, name string, c Change, wanted bool, version int64) *Item {
	value, sent := change[name]
	field := "change." + name
	switch {
	case wanted && value.Kind() != jsontext.KindBeginObject:
		r.add(field, "must be an item where the action is "+string(c.Action))
		return nil
	case !wanted:
		if sent && value.Kind() != jsontext.KindNull {
			r.add(field, "must be null where the action is "+string(c.Action))
		}
		return nil
	}
	before := len(r.problems)
	item := r.item(membersOf(value), field+".", false)
	if len(r.problems) == before && c.ItemID != 0 && item.ID != c.ItemID {
		r.add(field+".id", "must be "+strconv.FormatInt(c.ItemID, 10)+", the id of the change")
	}
	item.Version = version
	return &item
}
