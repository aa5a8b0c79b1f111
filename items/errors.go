package items

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrNotFound says that no item has the id.
	ErrNotFound = errors.New("no such item")
	// ErrDeleted is an ErrNotFound for an item that can be restored.
	ErrDeleted = fmt.Errorf("%w: it was deleted", ErrNotFound)
	// ErrConflict says that the item does not match the precondition of a write. Nothing was changed.
	ErrConflict = errors.New("the item has changed")
	// ErrNotDeleted says that an item cannot be restored because it was not deleted.
	ErrNotDeleted = errors.New("the item is not deleted")
	// ErrKeyReused says that an idempotency key was used before, for another request. Nothing was changed.
	ErrKeyReused = errors.New("the idempotency key belongs to another request")
	// ErrKeyInFlight says that a request with the same idempotency key is in progress. Nothing was changed.
	ErrKeyInFlight = errors.New("a request with the idempotency key is in progress")
	// ErrExists says that an imported item has the id of one that is, or was, on the menu. Nothing was changed.
	ErrExists = errors.New("there is, or was, an item with this id")
	// ErrBadHistory says that the history of imported items does not fit them. Nothing was changed.
	ErrBadHistory = errors.New("the history does not fit the items")
	// ErrMenuChanged says that the feed has moved on since a write of several items was prepared. Nothing was changed.
	ErrMenuChanged = errors.New("the menu has changed")
	// ErrUncertain says that the connection to the store was lost during a write, so that its outcome is unknown.
	ErrUncertain = errors.New("the outcome of the write is unknown")
	// ErrSearchTooSlow says that a search took longer than SearchTimeout, or had too many others before it.
	ErrSearchTooSlow = errors.New("the search took too long")
	// ErrUnavailable says that the store does not respond. The same request may succeed later.
	ErrUnavailable = errors.New("the store is unavailable")
)

// ValidationError says what is wrong with the input, for the person who sent it.
type ValidationError struct {
	// Detail is one sentence about the input as a whole.
	Detail string
	// Fields are all invalid fields. It is empty if the input could not be read.
	Fields []FieldError
}

// FieldError is one invalid field.
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

// problems collects what is wrong with the fields of an input, so that all of it is reported at once.
type problems []FieldError

func (p *problems) add(field, message string) {
	*p = append(*p, FieldError{Field: field, Message: message})
}

// err returns the problems as a *ValidationError with the detail, or nil without any.
func (p *problems) err(detail string) error {
	if len(*p) == 0 {
		return nil
	}
	return &ValidationError{Detail: detail, Fields: *p}
}

// UnknownItemsError is an ErrNotFound that names the ids.
type UnknownItemsError struct{ IDs []int64 }

// Error names the ids.
func (e *UnknownItemsError) Error() string { return fmt.Sprintf("%v: %v", ErrNotFound, e.IDs) }

// Unwrap returns ErrNotFound.
func (e *UnknownItemsError) Unwrap() error { return ErrNotFound }

// PermissionError says that a request also needs this permission, because of what its body changes.
type PermissionError struct{ Permission string }

// Error names the permission.
func (e *PermissionError) Error() string {
	return "the request also needs the permission " + e.Permission
}

// RecordError is an error about one record of an import.
type RecordError struct {
	// Index is the number of the record that next returned, from 0.
	Index int
	Err   error
}

// Error names the record by its number, from 1.
func (e *RecordError) Error() string { return fmt.Sprintf("record %d: %v", e.Index+1, e.Err) }

// Unwrap returns Err.
func (e *RecordError) Unwrap() error { return e.Err }
