package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"menu-api/dashboard"
	"menu-api/server"
)

// startOf returns the data in a page, or false if the binary has no dashboard. Then the page says how to build it.
func startOf(t *testing.T, page answer) (data string, built bool) {
	t.Helper()
	assertHeader(t, page, "Content-Type", "text/html; charset=utf-8")
	if strings.Contains(page.body, "make dashboard") {
		return "", false
	}
	_, rest, found := strings.Cut(page.body, `<script type="application/json" id="bootstrap">`)
	data, _, closed := strings.Cut(rest, "</script>")
	if !found || !closed {
		t.Fatalf("the page has no data: %s", page.body)
	}
	return data, true
}

func TestDashboardStartsWithTheMenu(t *testing.T) {
	t.Parallel()
	settings := dashboard.Settings{Issuer: "https://tenant.example.com/", ClientID: "page", Audience: "https://menu.example.com"}
	a := newAPI(t, func(o *server.Options) { o.Dashboard = settings })
	for _, name := range []string{"</script><script>alert(1)</script>", "<!--<script>", `"quoted"\`, "line\u2028separator", "ünï 漢 🍔"} {
		item, err := json.Marshal(map[string]any{"name": name, "price": 1, "description": "", "image": "", "category": name})
		must(t, err)
		a.do("POST", "/items", string(item), a.admin()...).assertStatus(t, 201)
	}

	page := a.do("GET", "/", "")
	page.assertStatus(t, 200)
	if policy := page.header.Get("Content-Security-Policy"); !strings.Contains(policy, "connect-src 'self' https://tenant.example.com") {
		t.Errorf("got the policy %q, want connections to the identity provider in it", policy)
	}
	data, built := startOf(t, page)
	if !built {
		return
	}
	if strings.ContainsAny(data, "<>&") {
		t.Errorf("the data contains characters of markup: %s", data)
	}
	list := a.do("GET", fmt.Sprintf("/items?limit=%d", dashboard.PageSize), "")
	var start struct {
		Settings dashboard.Settings `json:"settings"`
		Menu     struct {
			Items      []any    `json:"items"`
			After      string   `json:"after"`
			ETag       string   `json:"etag"`
			Categories []string `json:"categories"`
		} `json:"menu"`
	}
	must(t, json.Unmarshal([]byte(data), &start))
	if start.Settings != settings {
		t.Errorf("got settings %+v, want %+v", start.Settings, settings)
	}
	if got, want := fmt.Sprint(start.Menu.Items), fmt.Sprint(mustDecode[[]any](t, list.body)); got != want {
		t.Errorf("the page has the items\n%s\nwant those of GET /items\n%s", got, want)
	}
	if got, want := start.Menu.ETag, list.header.Get("ETag"); got != want {
		t.Errorf("got the tag %q, want that of GET /items, %q", got, want)
	}
	if start.Menu.After != "" {
		t.Errorf("got %q after a whole menu, want none", start.Menu.After)
	}
	if got, want := len(start.Menu.Categories), 5; got != want {
		t.Errorf("got %d categories (%q), want %d", got, start.Menu.Categories, want)
	}
}

func TestDashboardOfALargeMenu(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	for i := range dashboard.PageSize {
		category := []string{"Pasta", "pasta", "PÂSTA", "Sweets", ""}[i%5]
		if i == dashboard.PageSize-1 {
			category = "After the first page"
		}
		body := fmt.Sprintf(`{"name":"Item %d","price":1,"description":"","image":"","category":%q}`, i, category)
		a.do("POST", "/items", body, a.admin()...).assertStatus(t, 201)
	}
	data, built := startOf(t, a.do("GET", "/", ""))
	if !built {
		return
	}
	var start struct {
		Menu struct {
			Items      []struct{ ID int64 } `json:"items"`
			After      string               `json:"after"`
			Categories []string             `json:"categories"`
		} `json:"menu"`
	}
	must(t, json.Unmarshal([]byte(data), &start))
	if got := len(start.Menu.Items); got != dashboard.PageSize {
		t.Errorf("got %d items, want %d", got, dashboard.PageSize)
	}
	if got, want := fmt.Sprint(start.Menu.Categories), "[After the first page Pasta Sweets]"; got != want {
		t.Errorf("got the categories %s, want %s", got, want)
	}
	rest := a.do("GET", "/items?limit=100&sort=menu&after="+start.Menu.After, "")
	if got, want := len(mustDecode[[]any](t, rest.body)), 3; got != want {
		t.Errorf("got %d items after the page, want %d", got, want)
	}
}

// A browser gets a page for an unknown path, and a client of the API a problem document.
func TestUnknownPages(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
	for _, path := range []string{"/specials", "/items/1/photos", "/menu", "/menu/1/2"} {
		page := a.do("GET", path, "", "Accept", browser)
		if page.status != 404 || !strings.HasPrefix(page.header.Get("Content-Type"), "text/html") || strings.Contains(page.body, "Burger") {
			t.Errorf("%s: got %d %s, want a page with status 404", path, page.status, page.header.Get("Content-Type"))
		}
		if policy := page.header.Get("Content-Security-Policy"); !strings.Contains(policy, "script-src 'self'") {
			t.Errorf("%s: got the policy %q, want that of a page", path, policy)
		}
		a.do("HEAD", path, "", "Accept", browser).assertStatus(t, 404)
		for _, accept := range []string{"", "*/*", "application/json", "application/problem+json, text/html"} {
			r := a.do("GET", path, "", "Accept", accept)
			r.assertStatus(t, 404)
			r.mustProblem(t)
		}
		a.do("POST", path, "{}", "Accept", browser).mustProblem(t)
	}
}

// A client can distinguish an item that was deleted from one that never existed.
func TestDeletedItem(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	a.do("DELETE", "/items/1", "", a.admin()...).assertStatus(t, 200)
	for path, want := range map[string]string{
		"/items/1": "item-deleted", "/items/99": "no-such-item", "/api/menu/items/1": "item-deleted", "/api/menu/items/x": "no-such-item",
	} {
		r := a.do("GET", path, "")
		if p := r.mustProblem(t); r.status != 404 || p.Type != "urn:problem-type:menu-api:"+want {
			t.Errorf("%s: got %d %+v, want 404 %s", path, r.status, p, want)
		}
	}
	a.do("GET", "/menu/1", "", "Accept", "text/html").assertStatus(t, 404)
}

func TestDashboardRoutes(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	for path, status := range map[string]int{
		"/": 200, "/profile": 200, "/profile/": 200, "/callback?code=x&state=y": 200, "/menu/1": 200, "/menu/1/": 200,
		"/menu/99": 404, "/menu/abc": 404, "/menu/%3Cscript%3E": 404, "/menu/1%2F2": 404,
	} {
		for _, method := range []string{"GET", "HEAD"} {
			page := a.do(method, path, "")
			page.assertStatus(t, status)
			assertHeader(t, page, "Content-Type", "text/html; charset=utf-8")
			assertHeader(t, page, "Cache-Control", "no-cache")
		}
	}
	for _, path := range []string{"/assets/nope.js", "/assets", "/menu", "/menu/1/x", "/index.html", "/dashboard"} {
		got := a.do("GET", path, "")
		got.assertStatus(t, http.StatusNotFound)
		got.mustProblem(t)
	}
	got := a.do("POST", "/", "")
	got.assertStatus(t, http.StatusMethodNotAllowed)
	got.mustProblem(t)
}
