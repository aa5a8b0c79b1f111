package items

import (
	"cmp"
	"strconv"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"menu-api/content"
)

// jsonUTF8 is the media type of responses.
const jsonUTF8 = "application/json; charset=utf-8"

// represent encodes the value and tags it with a strong ETag.
func represent(value any) (*content.Content, error) {
	body, err := json.Marshal(value)
	return content.New(jsonUTF8, body), err
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
// store checks it inside the write, so that nothing comes between the check and the change. The error is a *ValidationError.
func (ctl Controller) condition(c *gin.Context) (Condition, error) {
	check, err := precondition(c)
	return func(current Item) error {
		if check == nil {
			return nil
		}
		body, err := ctl.represent(current)
		return cmp.Or(err, check(body.ETag()))
	}, err
}

// menuCondition is condition for a write of several items, about the menu as GET /items has it. It returns nil if the request
// has no precondition, so that the menu is not read.
func (ctl Controller) menuCondition(c *gin.Context) (condition func(menu []Item) error, err error) {
	check, err := precondition(c)
	if check == nil {
		return nil, err
	}
	return func(menu []Item) error {
		body, err := represent(ctl.Menu(menu, false))
		return cmp.Or(err, check(body.ETag()))
	}, nil
}

// precondition returns the check of what has the ETag, nil if the request has no precondition.
func precondition(c *gin.Context) (check func(etag string) error, err error) {
	ifMatch, ifNoneMatch := c.Request.Header.Values("If-Match"), c.Request.Header.Values("If-None-Match")
	if len(ifMatch) == 0 && len(ifNoneMatch) == 0 {
		return nil, nil //nolint:nilnil // most requests have none
	}
	if _, err := content.MatchTag(ifMatch, ""); err != nil {
		return nil, errUnquoted
	}
	return func(etag string) error {
		if err := checkIfMatch(ifMatch, etag); err != nil {
			return err
		}
		if unchanged, _ := content.MatchTag(ifNoneMatch, etag); unchanged {
			return &StaleError{ETag: etag}
		}
		return nil
	}, nil
}

// errUnquoted rejects an If-Match that a client sends without the quotes of the ETag.
var errUnquoted = &ValidationError{Detail: `If-Match must contain ETags with their quotes, such as "5-ab".`}

// checkIfMatch returns a *StaleError if there is an If-Match header that the ETag does not match, and errUnquoted if the
// header is not valid.
func checkIfMatch(lines []string, etag string) error {
	matches, err := content.MatchTag(lines, etag)
	switch {
	case err != nil:
		return errUnquoted
	case len(lines) > 0 && !matches:
		return &StaleError{ETag: etag}
	}
	return nil
}

// StaleError is an ErrConflict with the current ETag of the item.
type StaleError struct{ ETag string }

// Error says that the precondition failed.
func (e *StaleError) Error() string { return ErrConflict.Error() }

// Unwrap makes a StaleError an ErrConflict.
func (e *StaleError) Unwrap() error { return ErrConflict }
