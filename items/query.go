package items

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Query says which items a list contains and in what order. The zero Query is the whole menu, ids ascending.
type Query struct {
	// Limit is the maximum number of items. 0 means no limit.
	Limit int
	Sort  Sort
	// After is the page key, nil on the first page. A page begins after this value instead of at an offset, so that every
	// page costs the same, and items that come or go do not shift it.
	After *PageKey
	// Words are folded words. The text of an item must contain each of them.
	Words []string
	// Category is the SortKey of a category, empty for all items.
	Category string
}

// Sort is an order of items. Items that are equal in it are ordered by id, ascending.
type Sort string

// The orders.
const (
	ByID        Sort = "id"
	ByName      Sort = "name" // ignores case and accents
	ByPrice     Sort = "price"
	ByPriceDown Sort = "-price"
	ByMenu      Sort = "menu" // the order that people chose, see Item.MenuKey
)

// PageKey is the last item of a page: its id, and its value in each order.
type PageKey struct {
	ID    int64
	Name  string // its SortKey
	Price Price
	Menu  int64 // its MenuKey
}

// PageKeyOf returns the page key of the page after the item.
func PageKeyOf(item Item) *PageKey {
	return &PageKey{ID: item.ID, Name: SortKey(item.Name), Price: item.Price, Menu: item.MenuKey()}
}

const (
	// maxPage is the maximum number of items or changes in one response.
	maxPage = 1000
	// defaultPage is how many there are on a page if the request has no limit.
	defaultPage = 100

	maxSearch      = 200 // characters
	maxSearchWords = 10
)

// listing is the query string of GET /items.
type listing struct {
	query Query
	// paged is false without any parameter: then the response is the object of the NestJS application.
	paged bool
	// kept are the parameters for the link to the next page.
	kept url.Values
}

// parseListing reads the parameters limit, after, q, category and sort. It ignores all others, because some clients add one
// to bypass caches.
//
// The error is a *ValidationError.
func parseListing(r *http.Request) (listing, error) {
	p := newParams(r, "limit", "after", "q", "category", "sort")
	l := listing{query: Query{Limit: maxPage, Sort: ByID}, paged: len(p.values) > 0, kept: p.values}
	if l.paged {
		l.query.Limit = p.limit()
	}
	if p.values.Has("sort") {
		switch sort := Sort(p.values.Get("sort")); sort {
		case ByID, ByName, ByPrice, ByPriceDown, ByMenu:
			l.query.Sort = sort
		default:
			p.add("sort", "must be one of id, name, price, -price, menu")
		}
	}
	if p.values.Has("after") {
		key, ok := parsePageKey(l.query.Sort, p.values.Get("after"))
		if !ok {
			p.add("after", "must be copied from the link to the next page, with the same sort")
		}
		l.query.After = key
	}
	l.query.Words = searchWords(p.text("q"))
	if len(l.query.Words) > maxSearchWords {
		p.add("q", "must have at most "+strconv.Itoa(maxSearchWords)+" words")
	}
	l.query.Category = SortKey(strings.TrimSpace(p.text("category")))
	return l, p.problem()
}

// next returns the link to the page after the key.
func (l listing) next(path string, key *PageKey) string {
	return nextLink(path, l.kept, l.query.Limit, formatPageKey(l.query.Sort, key))
}

// nextLink returns a Link header (RFC 8288) to the page after the key, with the other parameters of this page. The target is
// relative, because only the client knows which host it uses.
func nextLink(path string, query url.Values, limit int, after string) string {
	query.Set("limit", strconv.Itoa(limit))
	query.Set("after", after)
	return "<" + path + "?" + query.Encode() + `>; rel="next"`
}

// formatPageKey writes a page key for the after parameter: the value in the order, and the id.
func formatPageKey(sort Sort, p *PageKey) string {
	id := strconv.FormatInt(p.ID, 10)
	switch sort {
	case ByName:
		return base64.RawURLEncoding.EncodeToString([]byte(p.Name)) + "." + id
	case ByPrice, ByPriceDown:
		return strconv.FormatInt(int64(p.Price), 10) + "." + id
	case ByMenu:
		return strconv.FormatInt(p.Menu, 10) + "." + id
	default:
		return id
	}
}

func parsePageKey(sort Sort, text string) (key *PageKey, ok bool) {
	key = &PageKey{}
	value, id := "", text
	if sort != ByID {
		value, id, _ = strings.Cut(text, ".")
	}
	if key.ID, ok = ParseID(id); !ok {
		return nil, false
	}
	switch sort {
	case ByName:
		name, err := base64.RawURLEncoding.DecodeString(value)
		key.Name = string(name)
		return key, err == nil && isText(key.Name)
	case ByPrice, ByPriceDown:
		cents, err := strconv.ParseInt(value, 10, 64)
		key.Price = Price(cents)
		price, _ := fieldNamed("price")
		return key, err == nil && price.check(&key.Price) == ""
	case ByMenu:
		var err error
		key.Menu, err = strconv.ParseInt(value, 10, 64)
		return key, err == nil && key.Menu >= 0
	default:
		return key, true
	}
}

// isText reports whether every engine can store the text: valid UTF-8 without U+0000.
func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// params are the query parameters that a route knows, and what is wrong with them.
type params struct {
	problems

	values url.Values
}

// newParams reads the parameters with these names from the query. It ignores the rest, well-formed or not.
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
			p.add(name, "must be percent-encoded, such as %25 for the character %")
		case p.values.Has(name):
			p.add(name, "must appear once")
		}
		p.values.Set(name, value)
	}
	return p
}

// limit reads the number of entries of a page.
func (p *params) limit() int {
	if !p.values.Has("limit") {
		return defaultPage
	}
	limit, ok := ParseID(p.values.Get("limit"))
	if !ok || limit > maxPage {
		p.add("limit", "must be a whole number from 1 to "+strconv.Itoa(maxPage))
		return defaultPage
	}
	return int(limit)
}

// version reads the version of an item, 0 without the parameter.
func (p *params) version(name string) int64 {
	if !p.values.Has(name) {
		return 0
	}
	version, ok := ParseID(p.values.Get(name))
	if !ok {
		p.add(name, "must be copied from the link to the next page")
	}
	return version
}

// changeKey reads the key of a change, NewestChange without the parameter.
func (p *params) changeKey(name string) ChangeKey {
	if !p.values.Has(name) {
		return NewestChange
	}
	var milliseconds int64
	var key ChangeKey
	_, err := fmt.Sscanf(p.values.Get(name), "%d.%d.%d", &milliseconds, &key.ItemID, &key.Version)
	key.At = TimeOf(milliseconds)
	if err != nil || formatChangeKey(key) != p.values.Get(name) || key.At.Year() < 0 || !key.At.Before(NewestChange.At) {
		p.add(name, "must be copied from the link to the next page")
	}
	return key
}

// formatChangeKey writes the key of a change for the after parameter.
func formatChangeKey(key ChangeKey) string {
	return fmt.Sprintf("%d.%d.%d", key.At.UnixMilli(), key.ItemID, key.Version)
}

// text reads text that a person typed, which may be empty.
func (p *params) text(name string) string {
	typed := p.values.Get(name)
	if !isText(typed) || utf8.RuneCountInString(typed) > maxSearch {
		p.add(name, "must be text of at most "+strconv.Itoa(maxSearch)+" characters")
	}
	return typed
}

// problem returns everything that is wrong, as a *ValidationError, or nil.
func (p *params) problem() error {
	return p.err("The query is not valid. See errors for each invalid parameter.")
}

// ParseID reads an id as it appears in a path: a positive integer in plain digits.
func ParseID(literal string) (id int64, ok bool) {
	id, err := strconv.ParseInt(literal, 10, 64)
	// Formatting it again rejects other spellings, such as +1 and 01.
	return id, err == nil && id > 0 && strconv.FormatInt(id, 10) == literal
}
