package items

import (
	"slices"
	"strconv"
	"strings"
)

// Cursor is a place in the sequence of all changes. It has a number for each lane of the engine: changes that are in
// different lanes do not wait for each other's commit.
type Cursor []int64

// Place is where one change stands in the sequence: its lane, and its number in the lane.
type Place struct {
	Lane int
	Seq  int64
}

// maxCursor is the longest text of a cursor, in bytes: more lanes than any engine has.
const maxCursor = 16 * 20

// String writes the cursor for a client, to whom it is opaque.
func (c Cursor) String() string {
	var b strings.Builder
	for i, seq := range c {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(strconv.FormatInt(seq, 10))
	}
	return b.String()
}

// ParseCursor reads what String wrote. ok is false for any other text.
func ParseCursor(text string) (cursor Cursor, ok bool) {
	if len(text) > maxCursor {
		return nil, false
	}
	for part := range strings.SplitSeq(text, ".") {
		seq, err := strconv.ParseInt(part, 10, 64)
		if err != nil || seq < 0 || strconv.FormatInt(seq, 10) != part {
			return nil, false
		}
		cursor = append(cursor, seq)
	}
	return cursor, true
}

// past is the cursor after the change at the place.
func (c Cursor) past(p Place) Cursor {
	next := slices.Clone(c)
	next[p.Lane] = p.Seq
	return next
}

// reaches reports whether all that comes before the other cursor comes before this one.
func (c Cursor) reaches(other Cursor) bool {
	for lane, seq := range other {
		if c[lane] < seq {
			return false
		}
	}
	return true
}

// furthest is the cursor that reaches both.
func furthest(a, b Cursor) Cursor {
	both := slices.Clone(a)
	for lane, seq := range b {
		both[lane] = max(both[lane], seq)
	}
	return both
}

// behind reports whether there are more than so many changes between the cursor and a later one.
func (c Cursor) behind(later Cursor, most int64) bool {
	for lane, seq := range c {
		if seq < later[lane] {
			most -= later[lane] - seq // neither is negative, so this cannot overflow
			if most < 0 {
				return true
			}
		}
	}
	return false
}
