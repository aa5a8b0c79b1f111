package items

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// representation is JSON with its ETag.
type representation struct {
	body []byte
	etag string
}

// represent encodes the value and tags it with a strong ETag (RFC 9110 section 8.8.3). The tag is a digest of the bytes, so
// it is the same after a restart and on every replica.
func represent(value any) (representation, error) {
	body, err := json.Marshal(value)
	sum := sha256.Sum256(body)
	return representation{body: body, etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:15]) + `"`}, err
}

// menuByID encodes as an object keyed by id, in the order of the items. The keys of a Go map would be sorted as text,
// 10 before 2.
type menuByID []Item

// MarshalJSONTo implements json.MarshalerTo.
func (m menuByID) MarshalJSONTo(enc *jsontext.Encoder) error {
	if err := enc.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for i := range m {
		if err := enc.WriteToken(jsontext.String(strconv.FormatInt(m[i].ID, 10))); err != nil {
			return err
		}
		if err := json.MarshalEncode(enc, &m[i]); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndObject)
}

// condition turns the preconditions of a write (RFC 9110 section 13.1) into a Condition that fails with ErrConflict. The
// store checks it inside the write, so that nothing comes between the check and the change.
func (ctl Controller) condition(c *gin.Context) Condition {
	ifMatch, ifNoneMatch := c.Request.Header.Values("If-Match"), c.Request.Header.Values("If-None-Match")
	if len(ifMatch) == 0 && len(ifNoneMatch) == 0 {
		return func(Item) error { return nil }
	}
	return func(current Item) error {
		rep, err := ctl.represent(current)
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

// StaleError is an ErrConflict with the current ETag of the item.
type StaleError struct{ ETag string }

// Error says that the precondition failed.
func (e *StaleError) Error() string { return ErrConflict.Error() }

// Unwrap makes a StaleError an ErrConflict.
func (e *StaleError) Unwrap() error { return ErrConflict }

// anyMatch reports whether a list of entity tags holds the tag or is *. Weak comparison takes W/"x" for "x"; strong
// comparison takes it for nothing (RFC 9110 section 8.8.3.2).
func anyMatch(lines []string, tag string, weak bool) bool {
	for _, line := range lines {
		// Our tags contain no comma, so no part of another tag can be equal to one of ours.
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
