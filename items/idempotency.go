package items

import (
	"crypto/sha256"
	"net/http"
	"strings"
)

const idempotencyKeyHeader = "Idempotency-Key"

// maxKey is the maximum length of an idempotency key, in bytes.
const maxKey = 255

// idempotencyKey reads the Idempotency-Key of a request (draft-ietf-httpapi-idempotency-key-header): quoted as in the draft,
// or bare, as many clients send it. It is nil without one. A request with another body is another request.
//
// The error is a *ValidationError.
func idempotencyKey(r *http.Request, body []byte) (*Key, error) {
	lines := r.Header.Values(idempotencyKeyHeader)
	if len(lines) == 0 {
		return nil, nil //nolint:nilnil // most requests have none
	}
	value := strings.TrimSpace(lines[0])
	if inner, quoted := strings.CutPrefix(value, `"`); quoted {
		value, quoted = strings.CutSuffix(inner, `"`)
		if !quoted {
			value = ""
		}
	}
	printable := !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' })
	if len(lines) > 1 || value == "" || len(value) > maxKey || !printable {
		return nil, &ValidationError{
			Detail: "The Idempotency-Key cannot be used. Send one, such as a UUID in quotes.",
			Fields: []FieldError{{Field: idempotencyKeyHeader, Message: "must be 1 to 255 visible ASCII characters, sent once"}},
		}
	}
	digest := sha256.New()
	_, _ = digest.Write([]byte(r.Method + " " + r.URL.Path + "\n")) // a hash returns no error
	_, _ = digest.Write(body)
	return &Key{Value: value, Fingerprint: [sha256.Size]byte(digest.Sum(nil))}, nil
}
