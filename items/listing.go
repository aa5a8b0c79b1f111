package items

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// MaxPage is how many items or changes one answer holds at most.
	MaxPage = 1000
	// defaultPage is how many there are on a page whose request names no limit.
	defaultPage = 100

	maxSearch      = 200 // characters
	maxSearchWords = 10
)

// listing is what the query of GET /items asks for.
type listing struct {
	query Query
	// paged is false without any parameter: then the answer is the NestJS application's object.
	paged bool
	// kept are the parameters that go into the link to the next page.
	kept url.Values
}

// parseListing reads the parameters limit, after, q, category and sort. It ignores all others: some clients add one to get
// around caches.
//
// The error is a *ValidationError.
func parseListing(r *http.Request) (listing, error) {
	p := newParams(r, "limit", "after", "q", "category", "sort")
	l := listing{query: Query{Limit: MaxPage, Sort: ByID}, paged: len(p.values) > 0, kept: p.values}
	if l.paged {
		l.query.Limit = p.limit()
	}
	if p.has("sort") {
		switch sort := Sort(p.get("sort")); sort {
		case ByID, ByName, ByPrice, ByPriceDown:
			l.query.Sort = sort
		default:
			p.fail("sort", "must be one of id, name, price, -price")
		}
	}
	if p.has("after") {
		position, ok := parsePosition(l.query.Sort, p.get("after"))
		if !ok {
			p.fail("after", "must be taken from a link to the next page, for the same sort")
		}
		l.query.After = position
	}
	l.query.Words = searchWords(p.text("q"))
	if len(l.query.Words) > maxSearchWords {
		p.fail("q", "must have at most "+strconv.Itoa(maxSearchWords)+" words")
	}
	l.query.Category = SortKey(strings.TrimSpace(p.text("category")))
	return l, p.problem()
}

// next returns the link to the page that begins after the position.
func (l listing) next(path string, position *Position) string {
	l.kept.Set("limit", strconv.Itoa(l.query.Limit))
	l.kept.Set("after", formatPosition(l.query.Sort, position))
	return nextLink(path, l.kept)
}

// nextLink is a Link header (RFC 8288). The target is relative: what host the client used is not ours to say.
func nextLink(path string, query url.Values) string {
	return "<" + path + "?" + query.Encode() + `>; rel="next"`
}

// formatPosition writes a position for the after parameter: the id, behind the value that is sorted by.
func formatPosition(sort Sort, p *Position) string {
	id := strconv.FormatInt(p.ID, 10)
	switch sort {
	case ByName:
		return base64.RawURLEncoding.EncodeToString([]byte(p.Name)) + "." + id
	case ByPrice, ByPriceDown:
		return strconv.FormatInt(int64(p.Price), 10) + "." + id
	default:
		return id
	}
}

func parsePosition(sort Sort, text string) (position *Position, ok bool) {
	position = &Position{}
	value, id := "", text
	if sort != ByID {
		value, id, _ = strings.Cut(text, ".")
	}
	if position.ID, ok = parseID(id); !ok {
		return nil, false
	}
	switch sort {
	case ByName:
		name, err := base64.RawURLEncoding.DecodeString(value)
		position.Name = string(name)
		return position, err == nil && isText(position.Name)
	case ByPrice, ByPriceDown:
		cents, err := strconv.ParseInt(value, 10, 64)
		position.Price = Price(cents)
		price, _ := fieldNamed("price")
		return position, err == nil && price.check(&position.Price) == ""
	default:
		return position, true
	}
}

// isText reports whether a store can keep the text: valid UTF-8 without U+0000.
func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// params are the parameters that a route knows, and what is wrong with them.
type params struct {
	values url.Values
	wrong  []FieldError
}

// newParams reads the parameters with these names from the query. What else is in the query is not looked at, well-formed
// or not.
func newParams(r *http.Request, names ...string) *params {
	p := &params{values: url.Values{}}
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if !slices.Contains(names, name) {
			continue
		}
		value, err := url.QueryUnescape(value)
		switch {
		case err != nil:
			p.fail(name, "must be percent-encoded, as %25 for the character %")
		case p.has(name):
			p.fail(name, "must be given once")
		}
		p.values.Set(name, value)
	}
	return p
}

func (p *params) has(name string) bool   { return p.values.Has(name) }
func (p *params) get(name string) string { return p.values.Get(name) }

func (p *params) fail(name, message string) {
	p.wrong = append(p.wrong, FieldError{Field: name, Message: message})
}

// limit reads how many entries a page has.
func (p *params) limit() int {
	if !p.has("limit") {
		return defaultPage
	}
	limit, ok := parseID(p.get("limit"))
	if !ok || limit > MaxPage {
		p.fail("limit", "must be a whole number from 1 to "+strconv.Itoa(MaxPage))
		return defaultPage
	}
	return int(limit)
}

// version reads the version of an item, 0 when there is none.
func (p *params) version(name string) int64 {
	if !p.has(name) {
		return 0
	}
	version, ok := parseID(p.get(name))
	if !ok {
		p.fail(name, "must be taken from a link to the next page")
	}
	return version
}

// text reads what a person typed, which may be nothing.
func (p *params) text(name string) string {
	typed := p.get(name)
	if !isText(typed) || utf8.RuneCountInString(typed) > maxSearch {
		p.fail(name, "must be text of at most "+strconv.Itoa(maxSearch)+" characters")
	}
	return typed
}

// problem returns all that is wrong, as a *ValidationError, or nil.
func (p *params) problem() error {
	if len(p.wrong) == 0 {
		return nil
	}
	return &ValidationError{Detail: "The query is not valid. See errors for each wrong parameter.", Fields: p.wrong}
}

// parseID reads an id as it appears in a path: a positive integer in plain digits.
func parseID(literal string) (id int64, ok bool) {
	id, err := strconv.ParseInt(literal, 10, 64)
	// Formatting it again rejects other spellings, such as +1 and 01.
	return id, err == nil && id > 0 && strconv.FormatInt(id, 10) == literal
}
