package items

import "strconv"

// parseID reads an id as it stands in a path: a positive integer in plain digits.
func parseID(literal string) (id int64, ok bool) {
	id, err := strconv.ParseInt(literal, 10, 64)
	// Formatting it again refuses the other spellings: +1, 01.
	return id, err == nil && id > 0 && strconv.FormatInt(id, 10) == literal
}

// noID stands for the id of a path that has none. No item has it: ids are positive.
const noID int64 = 0

// target returns the id that the draft is about: the one in the path, or else its own.
func (d *Draft) target(pathID int64) (id int64, problem string) {
	if d.id == "" {
		if pathID == noID {
			return noID, "is required"
		}
		return pathID, ""
	}
	id, err := parseDecimal(d.id, 0)
	switch {
	case err != nil || id <= 0:
		return noID, "must be a positive integer"
	case pathID != noID && id != pathID:
		return noID, "must be " + strconv.FormatInt(pathID, 10) + ", the id in the path, or be left out"
	}
	return id, ""
}
