package server_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"menu-api/items"
	"menu-api/server"
)

const (
	menuBurger = `{"id":"1","name":"Burger","price":599,"description":"Tasty","image":"https://cdn.auth0.com/blog/whatabyte/burger-sm.png","tagline":"","category":"","calories":null}`
	menuPizza  = `{"id":"2","name":"Pizza","price":299,"description":"Cheesy","image":"https://cdn.auth0.com/blog/whatabyte/pizza-sm.png","tagline":"","category":"","calories":null}`
	menuTea    = `{"id":"3","name":"Tea","price":199,"description":"Informative","image":"https://cdn.auth0.com/blog/whatabyte/tea-sm.png","tagline":"","category":"","calories":null}`

	// The body that a dashboard's form sends.
	formSoup = `{"name":"Soup","price":"4.99","tagline":"For cold days","description":"Warm","image":"https://example.com/soup.png","calories":"320","category":"Starter"}`
	// The resulting item.
	menuSoup = `{"id":"4","name":"Soup","price":499,"description":"Warm","image":"https://example.com/soup.png","tagline":"For cold days","category":"Starter","calories":320}`
)

func assertBody(tb testing.TB, r answer, status int, body string) {
	tb.Helper()
	if r.status != status || r.body != body {
		tb.Errorf("got %d %s, want %d %s", r.status, r.body, status, body)
	}
}

// The second contract, with its two documented exceptions.
func TestMenuContract(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	admin := a.admin()
	assertBody(t, a.do("GET", "/api/menu/items", ""), 200, "["+menuBurger+","+menuPizza+","+menuTea+"]")
	assertBody(t, a.do("GET", "/api/menu/items/", ""), 200, "["+menuBurger+","+menuPizza+","+menuTea+"]")
	assertBody(t, a.do("GET", "/api/menu/items/1", ""), 200, menuBurger)

	created := a.do("POST", "/api/menu/items", formSoup, admin...)
	assertBody(t, created, 201, menuSoup)
	assertHeader(t, created, "Location", "/api/menu/items/4")
	// A change is visible in both contracts.
	assertBody(t, a.do("GET", "/items/4", ""), 200, `{"id":4,"name":"Soup","price":4.99,"description":"Warm","image":"https://example.com/soup.png","tagline":"For cold days","category":"Starter","calories":320}`)
	a.do("PATCH", "/items/4", `{"price":5.5}`, admin...).assertStatus(t, 200)
	assertBody(t, a.do("GET", "/api/menu/items/4", ""), 200, strings.Replace(menuSoup, "499", "550", 1))

	put := a.do("PUT", "/api/menu/items/4", strings.Replace(formSoup, `{`, `{"id":"4",`, 1), admin...)
	assertBody(t, put, 200, menuSoup)
	assertHeader(t, put, "ETag", a.do("GET", "/api/menu/items/4", "").header.Get("ETag"))
	a.do("PUT", "/api/menu/items/99", formSoup, admin...).assertStatus(t, 404) // only the store assigns ids

	// A PUT leaves fields that this contract does not have unchanged.
	a.do("PATCH", "/items/4", `{"soldOut":true,"position":7}`, admin...).assertStatus(t, 200)
	unknown := strings.Replace(menuSoup, "}", `,"soldOut":true,"position":7}`, 1)
	assertBody(t, a.do("PUT", "/api/menu/items/4", formSoup, admin...), 200, unknown)
	a.do("PATCH", "/items/4", `{"soldOut":false,"position":null}`, admin...).assertStatus(t, 200)

	patched := a.do("PATCH", "/api/menu/items/4", `{"price":"6.49","calories":null}`, admin...)
	assertBody(t, patched, 204, "")
	assertHeader(t, patched, "ETag", a.do("GET", "/api/menu/items/4", "").header.Get("ETag"))
	assertBody(t, a.do("GET", "/api/menu/items/4", ""), 200, strings.NewReplacer("499", "649", "320", "null").Replace(menuSoup))
	a.do("PATCH", "/api/menu/items/99", `{"price":1}`, admin...).assertStatus(t, 404)

	assertBody(t, a.do("DELETE", "/api/menu/items/4", "", admin...), 204, "")
	a.do("DELETE", "/api/menu/items/4", "", admin...).assertStatus(t, 404)
	a.do("GET", "/items/4", "").assertStatus(t, 404)

	assertBody(t, a.do("DELETE", "/api/menu/items", "", admin...), 204, "")
	assertBody(t, a.do("GET", "/api/menu/items", ""), 200, "[]")
	assertBody(t, a.do("GET", "/items", ""), 200, "{}")
	reset := a.do("POST", "/api/menu/reset", "", admin...)
	want := strings.NewReplacer(`"id":"1"`, `"id":"5"`, `"id":"2"`, `"id":"6"`, `"id":"3"`, `"id":"7"`).Replace("[" + menuBurger + "," + menuPizza + "," + menuTea + "]")
	assertBody(t, reset, 200, want)
	assertHeader(t, reset, "Cache-Control", "no-store")
	assertBody(t, a.do("GET", "/api/menu/items", ""), 200, want)
	if changes := mustDecode[[]change](t, a.do("GET", "/items/1/history", "", admin...).body); changes[0].Action != "delete" {
		t.Errorf("got %+v as the end of an item that was reset, want its deletion", changes[0])
	}
	unsafe := a.do("GET", "/api/menu/reset", "", admin...)
	unsafe.assertStatus(t, 405)
	assertHeader(t, unsafe, "Allow", "POST")
	unsafe.mustProblem(t)
}

func TestMenuNumbers(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	admin := a.admin()
	for _, row := range table(t, "menu_numbers.txt", 3) {
		field, value, want := row[0], row[1], row[2]
		members := `"name":"Burger","description":"","image":""`
		if field != "price" {
			members += `,"price":1`
		}
		put := func(field string) answer {
			return a.do("PUT", "/api/menu/items/1", fmt.Sprintf(`{%s,%q:%s}`, members, field, value), admin...)
		}
		put("x"+field).assertStatus(t, 400)
		r := put(field)
		switch {
		case want != "-" && (r.status != 200 || !strings.Contains(r.body, fmt.Sprintf("%q:%s", field, want))):
			t.Errorf("%s %s: got %d %s, want %s", field, value, r.status, r.body, want)
		case want == "-":
			p := r.mustProblem(t)
			if r.status != 400 || p.fields() != field {
				t.Errorf("%s %s: got %d %+v, want 400 that names the field", field, value, r.status, p)
			}
			if field == "price" && value != "null" && !strings.Contains(r.body, "cents") {
				t.Errorf("%s: got %s, want it to say cents", value, r.body)
			}
		}
	}
}

func TestMenuBodiesAreStrict(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	admin := a.admin()
	with := func(member string) string { return strings.Replace(formSoup, "{", "{"+member+",", 1) }
	for name, test := range map[string]struct {
		method, path, body string
		status             int
		fields             string
	}{
		"wrapped":                      {"POST", "/api/menu/items", `{"item":` + formSoup + `}`, 400, "name price description image item"},
		"a name with a capital":        {"PUT", "/api/menu/items/1", strings.Replace(formSoup, "description", "Description", 1), 200, ""},
		"names in capitals":            {"PATCH", "/api/menu/items/1", `{"ID":"1","SOLDOUT":true,"PRICE":"5.00","CaLoRiEs":"7"}`, 204, ""},
		"a name in two spellings":      {"PUT", "/api/menu/items/1", with(`"Name":"Stew"`), 400, "name"},
		"an id in two spellings":       {"PUT", "/api/menu/items/1", with(`"id":"1","Id":"1"`), 400, "id"},
		"an unknown field":             {"POST", "/api/menu/items", with(`"colour":"red"`), 400, "colour"},
		"twice":                        {"POST", "/api/menu/items", with(`"name":"Stew"`), 400, "name"},
		"nothing":                      {"POST", "/api/menu/items", ``, 400, ""},
		"an array":                     {"POST", "/api/menu/items", `[]`, 400, ""},
		"no fields":                    {"POST", "/api/menu/items", `{}`, 400, "name price description image"},
		"all at once":                  {"PUT", "/api/menu/items/1", `{"id":"2","name":"","price":"x","description":1,"image":"x","calories":"x"}`, 400, "id name price description image calories"},
		"an id on POST":                {"POST", "/api/menu/items", with(`"id":"whatever"`), 201, ""},
		"a number as id on POST":       {"POST", "/api/menu/items", with(`"id":7`), 201, ""},
		"an object as id":              {"POST", "/api/menu/items", with(`"id":{}`), 400, "id"},
		"the id as text":               {"PUT", "/api/menu/items/1", with(`"id":"1"`), 200, ""},
		"the id as number":             {"PUT", "/api/menu/items/1", with(`"id":1`), 200, ""},
		"no id":                        {"PUT", "/api/menu/items/1", formSoup, 200, ""},
		"another id":                   {"PUT", "/api/menu/items/1", with(`"id":"2"`), 400, "id"},
		"another id as number":         {"PATCH", "/api/menu/items/1", `{"id":2}`, 400, "id"},
		"another spelling of the id":   {"PUT", "/api/menu/items/1", with(`"id":"01"`), 400, "id"},
		"a bad body for an unknown id": {"PUT", "/api/menu/items/abc", `{}`, 400, "name price description image"},
	} {
		r := a.do(test.method, test.path, test.body, admin...)
		r.assertStatus(t, test.status)
		if r.status == 400 {
			if p := r.mustProblem(t); p.fields() != test.fields {
				t.Errorf("%s: got fields %q, want %q", name, p.fields(), test.fields)
			}
		}
	}
	text := a.do("POST", "/api/menu/items", formSoup, append(admin[:2:2], "Content-Type", "text/plain")...)
	text.assertStatus(t, 415)
	a.do("POST", "/api/menu/items", strings.Repeat(" ", items.MaxBody)+formSoup, admin...).assertStatus(t, 413)
}

// Ids are opaque: every id that no item has gets 404.
func TestMenuUnknownIDs(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	admin := a.admin()
	for _, id := range []string{
		"0", "-1", "01", "+1", "1.0", "1e0", "abc", "99", "9223372036854775807", "9223372036854775808", "%2F", "1%2F", "%00", "%0d%0aX-Evil:1",
		"..%2f1", "constructor", "__proto__", "1;drop", "%F0%9F%8D%94", strings.Repeat("9", 2000),
	} {
		for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE"} {
			body := map[string]string{"PUT": formSoup, "PATCH": `{"price":1}`}[method]
			r := a.do(method, "/api/menu/items/"+id, body, admin...)
			if r.status != 404 || r.header.Get("X-Evil") != "" {
				t.Errorf("%s %s: got %d %s, want 404", method, id, r.status, r.body)
			}
		}
	}
	if menu := a.do("GET", "/api/menu/items", ""); menu.body != "["+menuBurger+","+menuPizza+","+menuTea+"]" {
		t.Errorf("got %s, want the default menu", menu.body)
	}
}

func TestMenuConditionalRequests(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	admin := a.admin()
	for _, path := range []string{"/api/menu/items", "/api/menu/items/1"} {
		r := a.do("GET", path, "")
		etag := r.header.Get("ETag")
		assertHeader(t, r, "Cache-Control", "no-cache")
		a.do("GET", path, "", "If-None-Match", etag).assertStatus(t, 304)
		a.do("GET", path, "", "If-Match", `"other"`).assertStatus(t, 412)
		head := a.do("HEAD", path, "")
		assertBody(t, head, 200, "")
		assertHeader(t, head, "ETag", etag)
		assertHeader(t, head, "Content-Length", fmt.Sprint(len(r.body)))
	}
	first := a.do("GET", "/api/menu/items/1", "").header.Get("ETag")
	if other := a.do("GET", "/items/1", "").header.Get("ETag"); other == first {
		t.Errorf("got the ETag %s for two representations", other)
	}
	with := func(name, value string) []string { return append(admin[:2:2], name, value) }
	patched := a.do("PATCH", "/api/menu/items/1", `{"price":1}`, with("If-Match", first)...)
	patched.assertStatus(t, 204)
	second := patched.header.Get("ETag")
	for method, body := range map[string]string{"PUT": formSoup, "PATCH": `{"price":2}`, "DELETE": ""} {
		stale := a.do(method, "/api/menu/items/1", body, with("If-Match", first)...)
		stale.assertStatus(t, 412)
		assertHeader(t, stale, "ETag", second)
		stale.mustProblem(t)
		a.do(method, "/api/menu/items/1", body, with("If-None-Match", "*")...).assertStatus(t, 412)
	}
	put := a.do("PUT", "/api/menu/items/1", formSoup, with("If-Match", second)...)
	put.assertStatus(t, 200)
	assertBody(t, a.do("DELETE", "/api/menu/items/1", "", with("If-Match", put.header.Get("ETag"))...), 204, "")
}

func TestMenuIdempotencyKey(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	keyed := slices.Concat(a.admin(), []string{"Idempotency-Key", "once"})
	first := a.do("POST", "/api/menu/items", formSoup, keyed...)
	again := a.do("POST", "/api/menu/items", formSoup, keyed...)
	assertBody(t, again, 201, menuSoup)
	assertHeader(t, again, "Location", first.header.Get("Location"))
	a.do("POST", "/api/menu/items", strings.Replace(formSoup, "4.99", "5.99", 1), keyed...).assertStatus(t, 422)
	a.do("POST", "/items", soup, keyed...).assertStatus(t, 422) // another request
	if menu := mustDecode[[]map[string]any](t, a.do("GET", "/api/menu/items", "").body); len(menu) != 4 {
		t.Errorf("got %d items, want 4", len(menu))
	}
}

func TestMenuPages(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	ids := func(r answer) (ids string) {
		for _, item := range mustDecode[[]struct{ ID string }](t, r.body) {
			ids += item.ID
		}
		return ids
	}
	page := a.do("GET", "/api/menu/items?sort=-price&limit=2", "")
	if got := ids(page); got != "12" {
		t.Errorf("got %s, want the two most expensive items", got)
	}
	next := mustNext(t, page)
	if !strings.HasPrefix(next, "/api/menu/items?") {
		t.Errorf("got a link to %s, want it to stay in this contract", next)
	}
	if got := ids(a.do("GET", next, "")); got != "3" {
		t.Errorf("got %s, want the rest", got)
	}
	if got := ids(a.do("GET", "/api/menu/items?q=PIZZA", "")); got != "2" {
		t.Errorf("got %s, want the pizza", got)
	}
	if p := a.do("GET", "/api/menu/items?limit=0", "").mustProblem(t); p.fields() != "limit" {
		t.Errorf("got %+v, want an error about limit", p)
	}
}

// A reset counts as one write.
func TestMenuRateLimit(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(o *server.Options) { o.WritesPerMinute = 3 })
	admin := a.admin()
	a.do("POST", "/api/menu/reset", "", admin...).assertStatus(t, 200)
	a.do("DELETE", "/api/menu/items", "", admin...).assertStatus(t, 204)
	a.do("POST", "/items", soup, admin...).assertStatus(t, 201)
	r := a.do("POST", "/api/menu/items", formSoup, admin...)
	r.assertStatus(t, 429)
	r.mustProblem(t)
}

// dashboardClient is a browser with a page of a WHATABYTE dashboard. It sends the requests that such a dashboard sends.
type dashboardClient struct {
	*api
	authorization string
}

const dashboardOrigin = "http://localhost:4040"

// fetch sends a preflight, as a browser does, and then the request.
func (d dashboardClient) fetch(method, path, body string) answer {
	d.tb.Helper()
	asks := "authorization"
	if body != "" {
		asks = "authorization,content-type"
	}
	preflight := d.do("OPTIONS", path, "",
		"Origin", dashboardOrigin, "Access-Control-Request-Method", method, "Access-Control-Request-Headers", asks)
	allowed := strings.ToLower(preflight.header.Get("Access-Control-Allow-Headers"))
	for header := range strings.SplitSeq(asks, ",") {
		if !strings.Contains(allowed, header) {
			d.tb.Errorf("%s %s: the preflight allows %q, want %s", method, path, allowed, header)
		}
	}
	if preflight.status != http.StatusNoContent || !strings.Contains(preflight.header.Get("Access-Control-Allow-Methods"), method) {
		d.tb.Errorf("%s %s: got a preflight of %d %v", method, path, preflight.status, preflight.header)
	}
	r := d.do(method, path, body, "Origin", dashboardOrigin, "Authorization", d.authorization)
	if got := r.header.Get("Access-Control-Allow-Origin"); got != dashboardOrigin && got != "*" {
		d.tb.Errorf("%s %s: got Access-Control-Allow-Origin %q, want one that lets the page read the response", method, path, got)
	}
	return r
}

// The requests of an administrator's dashboard work.
func TestDashboardClient(t *testing.T) {
	t.Parallel()
	for name, origins := range map[string][]string{"every origin": nil, "its origin": {dashboardOrigin}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t, func(o *server.Options) { o.CORSOrigins = origins })
			d := dashboardClient{a, a.admin()[1]}

			// The list is public, but the dashboard sends a token.
			list := d.fetch("GET", "/api/menu/items", "")
			menu := mustDecode[[]map[string]any](t, list.body)
			if len(menu) != 3 || menu[0]["id"] != "1" {
				t.Fatalf("got %s, want an array with text as ids", list.body)
			}
			// The form of a new item sends text.
			d.fetch("POST", "/api/menu/items", formSoup).assertStatus(t, 201)
			menu = mustDecode[[]map[string]any](t, d.fetch("GET", "/api/menu/items", "").body)
			added := menu[len(menu)-1]
			for field, want := range map[string]any{"id": "4", "price": 499.0, "tagline": "For cold days", "calories": 320.0, "category": "Starter"} {
				if added[field] != want {
					t.Errorf("got %s %v, want %v", field, added[field], want)
				}
			}
			// The form of an edit sends the id, unchanged values as they were, and changed values as text.
			d.fetch("PUT", "/api/menu/items/4",
				`{"id":"4","name":"Soup","price":499,"tagline":"For cold days","description":"Hot","image":"https://example.com/soup.png","calories":"330","category":"Starter"}`).assertStatus(t, 200)
			// The form shows cents, so a price that was edited back is text of digits.
			d.fetch("PUT", "/api/menu/items/4",
				`{"id":"4","name":"Soup","price":"499","tagline":"For cold days","description":"Hot","image":"https://example.com/soup.png","calories":330,"category":"Starter"}`).assertStatus(t, 200)
			assertBody(t, d.fetch("GET", "/api/menu/items/4", ""), 200, strings.NewReplacer("Warm", "Hot", "320", "330").Replace(menuSoup))
			if r := d.fetch("DELETE", "/api/menu/items/4", ""); r.status/100 != 2 {
				t.Errorf("got %d, want success", r.status)
			}
		})
	}
}

// largeMenu is the number of items in TestResetLargeMenu. make soak has more.
var largeMenu = 1_000

// A reset of a large menu ends within the timeout of a request. It adds to the history of each item, and sends one event.
func TestResetLargeMenu(t *testing.T) {
	t.Parallel()
	var store items.Store
	a := newAPI(t, func(o *server.Options) { store = o.Store })
	n := 0
	err := store.Import(context.Background(), items.AuditInfo{By: "test"}, false, func() (items.Record, error) {
		if n++; n > largeMenu {
			return items.Record{}, io.EOF
		}
		return items.Record{Item: &items.Item{Name: fmt.Sprint("Item ", n), Description: strings.Repeat("x", 200)}}, nil
	})
	must(t, err)
	s := a.follow()
	a.do("POST", "/api/menu/reset", "", a.admin()...).assertStatus(t, 200)
	if e := s.next(); e.name != "reset" {
		t.Errorf("got %+v, want one reset", e)
	}
	for _, id := range []int{1, 4, 3 + largeMenu} {
		history, err := store.History(context.Background(), int64(id), 0, 1)
		if err != nil || history[0].Action != items.Deleted {
			t.Errorf("item %d: got %+v, %v, want its deletion", id, history, err)
		}
	}
}
