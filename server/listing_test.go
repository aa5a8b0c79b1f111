package server_test

import (
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"menu-api/items"
	"menu-api/server"
)

var nextLink = regexp.MustCompile(`^<(/[^>]*)>; rel="next"$`)

// mustNext returns the target of the Link header to the next page.
func mustNext(tb testing.TB, r answer) string {
	tb.Helper()
	m := nextLink.FindStringSubmatch(r.header.Get("Link"))
	if m == nil {
		tb.Fatalf("got Link %q, want one to the next page", r.header.Get("Link"))
	}
	return m[1]
}

// follow reads all pages from the path on and returns the ids on them, and how many pages there were.
func follow(a *api, path string) (ids []int, pages int) {
	a.tb.Helper()
	for {
		r := a.do("GET", path, "")
		r.assertStatus(a.tb, 200)
		for _, item := range mustDecode[[]struct{ ID int }](a.tb, r.body) {
			ids = append(ids, item.ID)
		}
		pages++
		if r.header.Get("Link") == "" || pages > 100 {
			return ids, pages
		}
		path = mustNext(a.tb, r)
	}
}

func TestPagesSortAndSearch(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	for _, body := range []string{
		`{"name":"Crème brûlée","price":5.99,"description":"Burnt","image":"","category":"Dessert"}`,
		`{"name":"äpfel","price":0.5,"description":"Fruit","image":"","category":"dessert"}`,
		`{"name":"Zander","price":12,"description":"Tasty fish","image":"","position":1500}`,
	} {
		a.do("POST", "/items", body, a.admin()...).assertStatus(t, 201)
	}
	for query, want := range map[string]string{
		"limit=2":                            "[1 2 3 4 5 6] in 3",
		"limit=6":                            "[1 2 3 4 5 6] in 1",
		"limit=4&sort=name":                  "[5 1 4 2 3 6] in 2",
		"limit=1&sort=price":                 "[5 3 2 1 4 6] in 6",
		"limit=4&sort=-price":                "[6 1 4 2 3 5] in 2",
		"sort=id":                            "[1 2 3 4 5 6] in 1",
		"limit=2&sort=menu":                  "[1 6 2 3 4 5] in 3",
		"category=dessert&sort=menu&limit=1": "[4 5] in 2",
		"q=creme+BRULEE":                     "[4] in 1",
		"q=tasty&sort=-price&limit=1":        "[6 1] in 2",
		"category=DESSERT&sort=name&limit=1": "[5 4] in 2",
		"q=nothing":                          "[] in 1",
		"q=":                                 "[1 2 3 4 5 6] in 1",
		"after=4":                            "[5 6] in 1",
		"after=4&_=1732459271":               "[5 6] in 1",
		"q=" + url.QueryEscape("'; DROP--"):  "[] in 1",
	} {
		ids, pages := follow(a, "/items?"+query)
		if got := fmt.Sprintf("%v in %d", ids, pages); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
	if r := a.do("GET", "/items?q=nothing", ""); r.body != "[]" {
		t.Errorf("got %s, want an empty array", r.body)
	}
	r := a.do("GET", "/items?limit=1", "")
	if r.body != "["+burger+"]" {
		t.Errorf("got %s, want an array with the first item", r.body)
	}
	a.do("GET", "/items?limit=1", "", "If-None-Match", r.header.Get("ETag")).assertStatus(t, 304)
	if got := a.do("GET", "/items?_=1732459271&utm=%zz", "").body; got != a.do("GET", "/items", "").body || got[0] != '{' {
		t.Errorf("got %s for parameters that are not ours, want the object", got)
	}
}

func TestBadListParameters(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	for query, field := range map[string]string{
		"limit=0": "limit", "limit=1001": "limit", "limit=-1": "limit", "limit=1.5": "limit", "limit=": "limit", "limit=x": "limit",
		"limit=9223372036854775808": "limit", "limit=1&limit=2": "limit",
		"sort=": "sort", "sort=calories": "sort", "sort=-id": "sort", "sort=NAME": "sort", "sort=id;DROP": "sort",
		"after=": "after", "after=0": "after", "after=abc": "after", "after=1.5": "after", "after=-1": "after",
		"sort=name&after=1": "after", "sort=name&after=!.1": "after", "sort=name&after=_w.1": "after", "sort=name&after=AA.1": "after",
		"sort=price&after=x.1": "after", "sort=price&after=-1.1": "after", "sort=price&after=99999999999.1": "after",
		"sort=menu&after=1": "after", "sort=menu&after=x.1": "after", "sort=menu&after=-1.1": "after",
		"q=" + strings.Repeat("x", 201): "q", "q=%00": "q", "q=%ff": "q", "q=%zz": "q", "q=a+b+c+d+e+f+g+h+i+j+k": "q",
		"category=" + strings.Repeat("x", 201): "category", "category=%00": "category",
	} {
		r := a.do("GET", "/items?"+query, "")
		if p := r.mustProblem(t); r.status != 400 || p.fields() != field {
			t.Errorf("%s: got %d %+v, want 400 that names %s", query, r.status, p, field)
		}
	}
}

// The object has at most a thousand items. A link leads to the rest.
func TestLargeMenu(t *testing.T) {
	t.Parallel()
	var store items.Store
	a := newAPI(t, func(o *server.Options) { store = o.Store })
	var records []items.Record
	for i := range 1100 {
		records = append(records, items.Record{Item: &items.Item{Name: fmt.Sprint("Item ", i), Price: items.Price(i)}})
	}
	err := store.Import(t.Context(), items.AuditInfo{By: "test"}, false, func() (items.Record, error) {
		if len(records) == 0 {
			return items.Record{}, io.EOF
		}
		first := records[0]
		records = records[1:]
		return first, nil
	})
	must(t, err)
	r := a.do("GET", "/items", "")
	object := mustDecode[map[string]any](t, r.body)
	if len(object) != 1000 || object["1000"] == nil || object["1001"] != nil {
		t.Errorf("got %d items, want the first thousand", len(object))
	}
	rest, pages := follow(a, mustNext(t, r))
	if len(rest) != 103 || rest[0] != 1001 || pages != 1 {
		t.Errorf("got %d items from %d on in %d pages, want the other 103", len(rest), rest[0], pages)
	}
	if all, pages := follow(a, "/items?sort=-price&limit=70"); len(all) != 1103 || pages != 16 {
		t.Errorf("got %d items in %d pages, want 1103 in 16", len(all), pages)
	}
}
