package config

import "strings"

// Problem is one setting that cannot be used.
type Problem struct {
	Key     string // the setting's name, or the file's
	Message string // what is wrong and what is right, without the value where that may be secret
}

// Error is every problem of a configuration at once, so that a person mends them in one go.
type Error struct{ Problems []Problem }

// Error lists the problems on one line.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.Key + " " + p.Message
	}
	return "configuration: " + strings.Join(lines, "; ")
}
