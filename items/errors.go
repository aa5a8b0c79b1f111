package items

import (
	"errors"
	"strings"
)

var (
	// ErrNotFound says that no item has the id.
	ErrNotFound = errors.New("no such item")
	// ErrConflict says that the item is no longer what the caller took it to be. Nothing was changed.
	ErrConflict = errors.New("the item has changed")
	// ErrUnavailable says that the store cannot answer for now. The same request may succeed later.
	ErrUnavailable = errors.New("the store is unavailable")
)

// ValidationError says what is wrong with the input, for the person who sent it.
type ValidationError struct {
	// Detail is one sentence about the input as a whole.
	Detail string
	// Fields are the fields that are wrong, all of them. It is empty when the input could not be read.
	Fields []FieldError
}

// FieldError is one wrong field.
type FieldError struct {
	Field   string `json:"field"` // the path as it was sent, such as item.price
	Message string `json:"message"`
}

// Error returns the detail and the fields on one line.
func (e *ValidationError) Error() string {
	var b strings.Builder
	b.WriteString(e.Detail)
	for _, f := range e.Fields {
		b.WriteString("; " + f.Field + " " + f.Message)
	}
	return b.String()
}
