package items

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"

	"github.com/go-json-experiment/json"
)

// representation is the JSON of an item or a menu with its validator, and what the headers say of it: one that is answered
// from memory is made once and sent many times.
type representation struct {
	body   []byte
	etag   string
	etags  []string // the value of the ETag header
	length []string // the value of the Content-Length header
}

func newRepresentation(body []byte, etag string) representation {
	return representation{body: body, etag: etag, etags: []string{etag}, length: []string{strconv.Itoa(len(body))}}
}

// represent tags JSON with a strong ETag (RFC 9110 section 8.8.3). The tag is a digest of the bytes, so it is the same
// after a restart and on every replica.
func represent(body []byte) representation {
	return newRepresentation(body, `"`+digest(body)+`"`)
}

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return base64.RawURLEncoding.EncodeToString(sum[:15])
}

// representItem tags an item with its version, so that an item which was changed and changed back is not taken for one
// that nobody touched. The digest stays in the tag: a version can come again, with other content, after a backup was
// restored.
func representItem(item Item) (representation, error) {
	body, err := item.appendJSON(nil)
	if err != nil {
		return representation{}, err
	}
	return representVersion(item.Version, body), nil
}

func representVersion(version int64, body []byte) representation {
	return newRepresentation(body, `"`+strconv.FormatInt(version, 10)+"-"+digest(body)+`"`)
}

// representList writes an array.
func representList[T any](entries []T) (representation, error) {
	body, err := json.Marshal(entries)
	if err != nil {
		return representation{}, err
	}
	return represent(body), nil
}

// representMenu writes an object keyed by id, ids ascending as in menu. It writes the keys itself: those of a Go map
// would be sorted as text, 10 before 2.
func representMenu(menu []Item) (_ representation, err error) {
	body := []byte{'{'}
	for i, item := range menu {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, '"')
		body = strconv.AppendInt(body, item.ID, 10)
		body = append(body, `":`...)
		if body, err = item.appendJSON(body); err != nil {
			return representation{}, err
		}
	}
	return represent(append(body, '}')), nil
}
