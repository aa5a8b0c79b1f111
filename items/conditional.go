package items

import (
	"net/http"
	"strings"
)

// writeCondition turns the preconditions of a write (RFC 9110 section 13.1) into a Condition that fails with
// ErrConflict. It is judged inside the write, so that nothing comes between the check and the change. The ETag is that of
// the item in the form that represent gives it.
func writeCondition(h http.Header, represent func(Item) (representation, error)) Condition {
	ifMatch, ifNoneMatch := h.Values("If-Match"), h.Values("If-None-Match")
	if len(ifMatch) == 0 && len(ifNoneMatch) == 0 {
		return func(Item) error { return nil }
	}
	return func(current Item) error {
		rep, err := represent(current)
		if err != nil {
			return err
		}
		missed := len(ifMatch) > 0 && !anyMatch(ifMatch, rep.etag, false)
		if missed || anyMatch(ifNoneMatch, rep.etag, true) {
			return &StaleError{ETag: rep.etag}
		}
		return nil
	}
}

// StaleError is an ErrConflict that tells the ETag which the item has now.
type StaleError struct{ ETag string }

// Error says that the precondition failed.
func (e *StaleError) Error() string { return ErrConflict.Error() }

// Unwrap makes a StaleError an ErrConflict.
func (e *StaleError) Unwrap() error { return ErrConflict }

// anyMatch reports whether a list of entity tags holds the tag or is *. Weak comparison takes W/"x" for "x"; strong
// comparison takes it for nothing (RFC 9110 section 8.8.3.2).
func anyMatch(lines []string, tag string, weak bool) bool {
	for _, line := range lines {
		// Our tags hold no comma, so splitting there cannot make two halves of a foreign tag into one of ours.
		for candidate := range strings.SplitSeq(line, ",") {
			candidate = strings.TrimSpace(candidate)
			if weak {
				candidate = strings.TrimPrefix(candidate, "W/")
			}
			if candidate == tag || candidate == "*" {
				return true
			}
		}
	}
	return false
}
