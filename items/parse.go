package items

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// ParseItem reads an item of an export: {"item":{...}} or the item bare, under the rules of a POST. Other than there, its
// id counts, and it may have a version. They are 0 where they are left out.
//
// The error is a *ValidationError.
func ParseItem(line []byte) (Item, error) {
	members, err := parseLine(line)
	if err != nil {
		return Item{}, err
	}
	return parseItem(members)
}

// ParseRecord reads a line of an export: an item, as ParseItem reads it, or {"change":{...}}.
//
// The error is a *ValidationError.
func ParseRecord(line []byte) (Record, error) {
	members, err := parseLine(line)
	if err != nil {
		return Record{}, err
	}
	if value, isChange := members.get("change"); isChange {
		change, err := parseChange(members, value)
		return Record{Change: &change}, err
	}
	item, err := parseItem(members)
	return Record{Item: &item}, err
}

// parseLine reads a line that must be one JSON object and nothing else.
func parseLine(line []byte) (object, error) {
	decoder := jsontext.NewDecoder(bytes.NewBuffer(line))
	value, err := decoder.ReadValue()
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, &ValidationError{Detail: "The line is not valid JSON: it ends too early."}
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntax):
		return nil, problems([]FieldError{{fieldPath(syntax.JSONPointer), "appears more than once"}})
	case errors.As(err, &syntax):
		return nil, &ValidationError{Detail: fmt.Sprintf("The line is not valid JSON: %v at byte %d.", syntax.Err, syntax.ByteOffset+1)}
	case err != nil:
		return nil, &ValidationError{Detail: "The line cannot be read."}
	case value.Kind() != jsontext.KindBeginObject:
		return nil, &ValidationError{Detail: `The line is not a JSON object such as {"item":{...}}.`}
	}
	members := membersOf(value)
	if _, err := decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, &ValidationError{Detail: "The line has something behind its JSON object."}
	}
	return members, nil
}

// problems is nil when there are none.
func problems(fields []FieldError) error {
	if len(fields) == 0 {
		return nil
	}
	return &ValidationError{Detail: "The line is not valid. See errors for each wrong field.", Fields: fields}
}

func parseItem(members object) (Item, error) {
	value, wrapped := members.get("item")
	if !wrapped {
		item, fields := readItem(members, "", true)
		return item, problems(fields)
	}
	fields := strangers(members, "", "item")
	if value.Kind() != jsontext.KindBeginObject {
		return Item{}, problems(append([]FieldError{{"item", "must be an object"}}, fields...))
	}
	item, wrong := readItem(membersOf(value), "item.", true)
	return item, problems(append(wrong, fields...))
}

// readItem reads an item and says what is wrong with it. Only an item that is versioned may have a version.
func readItem(members object, prefix string, versioned bool) (Item, []FieldError) {
	d := &Draft{prefix: prefix, sent: map[string]bool{}, misfits: map[string]string{}}
	var (
		id, version               int64
		idProblem, versionProblem string
		invalid                   *ValidationError
		fields                    []FieldError
	)
	for _, m := range members {
		switch {
		case m.name == "id":
			id, idProblem = readPositive(m.value)
		case m.name == "version" && versioned:
			version, versionProblem = readPositive(m.value)
		default:
			d.read(m.name, m.value)
		}
	}
	if errors.As(d.validate(idProblem), &invalid) {
		fields = invalid.Fields
	}
	if version > 0 && id == 0 && idProblem == "" {
		versionProblem = "is of no use without an id: give the id too, or leave the version out"
	}
	if versionProblem != "" {
		fields = append(fields, FieldError{prefix + "version", versionProblem})
	}
	if len(fields) > 0 {
		return Item{}, fields
	}
	item := d.item()
	item.ID, item.Version = id, version
	return item, nil
}

// readPositive reads a positive integer. null is 0.
func readPositive(value jsontext.Value) (n int64, misfit string) {
	switch value.Kind() {
	case jsontext.KindNull:
		return 0, ""
	case jsontext.KindNumber:
		if n, err := parseDecimal(string(value), 0); err == nil && n > 0 {
			return n, ""
		}
	default: // is none
	}
	return 0, "must be a positive integer"
}

// strangers are the members that have none of the names.
func strangers(members object, prefix string, names ...string) (fields []FieldError) {
	known := " " + strings.Join(names, " ") + " "
	for _, m := range members {
		if !strings.Contains(known, " "+m.name+" ") && len(fields) < maxUnknown {
			fields = append(fields, FieldError{prefix + shorten(m.name), "is not a field of " + of(prefix)})
		}
	}
	return fields
}

func of(prefix string) string {
	if prefix == "" {
		return "a line"
	}
	return "a change"
}

// sides says on which sides of a change there is an item. What is not here is no change of one item.
var sides = map[Action]struct{ before, after bool }{
	Created:  {after: true},
	Updated:  {before: true, after: true},
	Deleted:  {before: true},
	Restored: {after: true},
}

// readTime reads a time of an export: in UTC, to the millisecond. The zeros at its end may be missing, as in the JSON of a
// change.
func readTime(text string) (at time.Time, ok bool) {
	at, err := time.Parse("2006-01-02T15:04:05Z", text) // which takes a fraction of a second, too
	return at, err == nil && at.Equal(at.Truncate(time.Millisecond))
}

func parseChange(line object, value jsontext.Value) (Change, error) {
	fields := strangers(line, "", "change")
	if value.Kind() != jsontext.KindBeginObject {
		return Change{}, problems(append([]FieldError{{"change", "must be an object"}}, fields...))
	}
	change, wrong := readChange(membersOf(value))
	return change, problems(append(wrong, fields...))
}

// readChange reads a change and says what is wrong with it.
func readChange(members object) (c Change, fields []FieldError) {
	fail := func(field, message string) { fields = append(fields, FieldError{"change." + field, message}) }
	positive := func(field string) int64 {
		value, _ := members.get(field)
		n, misfit := readPositive(orNull(value))
		if n == 0 && misfit == "" {
			misfit = "is required"
		}
		if misfit != "" {
			fail(field, misfit)
		}
		return n
	}
	text := func(field string) (text string, given bool) {
		value, _ := members.get(field)
		s, misfit := readText(orNull(value))
		switch {
		case misfit != "":
			fail(field, misfit)
		case s == nil:
			fail(field, "is required")
		default:
			return *s, true
		}
		return "", false
	}
	c.ItemID, c.Version = positive("id"), positive("version")
	action, given := text("action")
	c.Action = Action(action)
	wanted, known := sides[c.Action]
	if given && !known {
		fail("action", "must be create, update, delete or restore")
	}
	c.By, _ = text("by")
	if at, given := text("at"); given {
		var ok bool
		if c.At, ok = readTime(at); !ok {
			fail("at", "must be a time in UTC such as 2026-02-28T22:59:59.123Z")
		}
	}
	snapshot := func(field string, is bool, version int64) *Item {
		value, _ := members.get(field)
		item, wrong := readSnapshot(field, orNull(value), c.Action, is, c.ItemID)
		fields = append(fields, wrong...)
		if item != nil {
			item.Version = version
		}
		return item
	}
	if known {
		c.Before = snapshot("before", wanted.before, c.Version-1)
		c.After = snapshot("after", wanted.after, c.Version)
	}
	fields = append(fields, strangers(members, "change.", "id", "version", "action", "by", "at", "before", "after")...)
	return c, fields
}

// readSnapshot reads the item on one side of a change, which must or must not be there.
func readSnapshot(side string, value jsontext.Value, action Action, wanted bool, id int64) (*Item, []FieldError) {
	field := "change." + side
	switch {
	case !wanted && value.Kind() == jsontext.KindNull:
		return nil, nil
	case !wanted:
		return nil, []FieldError{{field, fmt.Sprintf("must be null where the action is %s", action)}}
	case value.Kind() != jsontext.KindBeginObject:
		return nil, []FieldError{{field, fmt.Sprintf("must be an item where the action is %s", action)}}
	}
	item, wrong := readItem(membersOf(value), field+".", false)
	if len(wrong) == 0 && id != 0 && item.ID != id {
		wrong = []FieldError{{field + ".id", fmt.Sprintf("must be %d, the id of the change", id)}}
	}
	return &item, wrong
}

// orNull lets a member that is missing stand as null.
func orNull(value jsontext.Value) jsontext.Value {
	if value == nil {
		return jsontext.Value("null")
	}
	return value
}
