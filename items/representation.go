package items

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"

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
