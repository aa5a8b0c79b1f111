package postgres

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"menu-api/items"
)

// While a server crashes, an attempt to connect can fail with the error of a context. That is an outage, unless the caller's
// context has ended.
func TestAttemptGivenUpIsAnOutage(t *testing.T) {
	t.Parallel()
	gone, leave := context.WithCancel(context.Background())
	leave()
	for _, cause := range []error{context.Canceled, context.DeadlineExceeded} {
		err := fmt.Errorf("failed to connect: %w", cause)
		if got := translate(context.Background(), err); !errors.Is(got, items.ErrUnavailable) || errors.Is(got, cause) {
			t.Errorf("%v: got %v, want ErrUnavailable alone", cause, got)
		}
		if got := translate(gone, err); !errors.Is(got, context.Canceled) || errors.Is(got, items.ErrUnavailable) {
			t.Errorf("%v of a caller who has gone: got %v, want %v", cause, got, context.Canceled)
		}
	}
}
