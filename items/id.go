package items

import "strconv"

// parseID reads an id as it stands in a path or a body: a positive integer in plain digits.
func parseID(literal string) (id int64, ok bool) {
	id, err := strconv.ParseInt(literal, 10, 64)
	// Formatting it again refuses the other spellings: +1, 01.
	return id, err == nil && id > 0 && strconv.FormatInt(id, 10) == literal
}

// target returns the id that the draft is about. pathID is the one in the path, 0 when the path has none.
func (d *Draft) target(pathID int64) (id int64, problem string) {
	id, ok := parseID(d.id)
	switch {
	case d.id == "" && pathID == 0:
		return 0, "is required"
	case d.id == "":
		return pathID, ""
	case !ok:
		return 0, "must be a positive integer"
	case pathID != 0 && id != pathID:
		return 0, "must be " + strconv.FormatInt(pathID, 10) + ", the id in the path, or be left out"
	}
	return id, ""
}
