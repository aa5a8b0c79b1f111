package server_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"menu-api/items"
)

const (
	burger = `{"id":1,"name":"Burger","price":5.99,"description":"Tasty","image":"https://cdn.auth0.com/blog/whatabyte/burger-sm.png"}`
	pizza  = `{"id":2,"name":"Pizza","price":2.99,"description":"Cheesy","image":"https://cdn.auth0.com/blog/whatabyte/pizza-sm.png"}`
	tea    = `{"id":3,"name":"Tea","price":1.99,"description":"Informative","image":"https://cdn.auth0.com/blog/whatabyte/tea-sm.png"}`
	menu   = `{"1":` + burger + `,"2":` + pizza + `,"3":` + tea + `}`

	soup      = `{"item":{"name":"Soup","price":4.5,"description":"Warm","image":""}}`
	soda      = `{"item":{"id":2,"name":"Soda","price":1.5,"description":"Fizzy","image":"https://x/soda.png"}}`
	sodaSaved = `{"id":2,"name":"Soda","price":1.5,"description":"Fizzy","image":"https://x/soda.png"}`
)

// TestContract holds the API to the NestJS application: every request that was observed there, in that order of rows.
// Where the ancestor succeeded, the status is its status and the body of a read is its body, byte for byte; a body where
// it sent none is ours. Where it failed in its own way, or took nonsense, the want column is what this API answers instead.
func TestContract(t *testing.T) {
	t.Parallel()
	const none, empty = "", "-" // nothing to compare the body with; an empty body
	type who func(*api) []string
	anyone := func(*api) []string { return nil }
	admin := func(a *api) []string { return a.admin() }
	nobody := func(a *api) []string { return a.as() }
	updater := func(a *api) []string { return a.as(items.UpdateItems) }
	garbage := func(*api) []string { return []string{"Authorization", "Bearer garbage"} }
	token := func(change map[string]any) who {
		return func(a *api) []string {
			return []string{"Authorization", "Bearer " + a.issuer.TokenWith(a.tb, items.Permissions(), change)}
		}
	}
	with := func(w who, headers ...string) who { return func(a *api) []string { return append(w(a), headers...) } }

	tests := []struct {
		name, method, path, body string
		who                      who
		status                   int
		want                     string
		ancestor                 string // what the ancestor answered, where this API differs
	}{
		{name: "list", method: "GET", path: "/items", who: anyone, status: 200, want: menu},
		{name: "list, with Origin", method: "GET", path: "/items", who: with(anyone, "Origin", "http://localhost:4040"), status: 200, want: menu},
		{name: "HEAD list", method: "HEAD", path: "/items", who: anyone, status: 200, want: empty},
		{name: "one", method: "GET", path: "/items/1", who: anyone, status: 200, want: burger},
		{name: "unknown", method: "GET", path: "/items/99", who: anyone, status: 404, ancestor: "500"},
		{name: "non-numeric", method: "GET", path: "/items/abc", who: anyone, status: 400, ancestor: "500"},
		{name: "trailing slash", method: "GET", path: "/items/", who: anyone, status: 200, want: menu},
		{name: "proto key", method: "GET", path: "/items/constructor", who: anyone, status: 400, ancestor: "200 and the source of a function"},

		{name: "POST no token", method: "POST", path: "/items", body: soup, who: anyone, status: 401},
		{name: "POST garbage token", method: "POST", path: "/items", body: soup, who: garbage, status: 401},
		{name: "POST expired", method: "POST", path: "/items", body: soup, who: token(map[string]any{"exp": 1}), status: 401},
		{name: "POST wrong aud", method: "POST", path: "/items", body: soup, who: token(map[string]any{"aud": "x"}), status: 401},
		{name: "POST valid", method: "POST", path: "/items", body: soup, who: admin, status: 201, want: `{"id":4,"name":"Soup","price":4.5,"description":"Warm","image":""}`},
		{name: "POST no permissions claim", method: "POST", path: "/items", body: soup, who: token(map[string]any{"permissions": nil}), status: 403, ancestor: "500"},
		{name: "POST empty permissions", method: "POST", path: "/items", body: soup, who: nobody, status: 403},
		{name: "POST only update:items", method: "POST", path: "/items", body: soup, who: updater, status: 403},
		{name: "POST missing name", method: "POST", path: "/items", body: `{"item":{"price":1,"description":"d","image":""}}`, who: admin, status: 400},
		{name: "POST price string", method: "POST", path: "/items", body: `{"item":{"name":"n","price":"1","description":"d","image":""}}`, who: admin, status: 400},
		{name: "POST negative price", method: "POST", path: "/items", body: `{"item":{"name":"n","price":-1,"description":"d","image":""}}`, who: admin, status: 400, ancestor: "201"},
		{name: "POST empty name", method: "POST", path: "/items", body: `{"item":{"name":"","price":1,"description":"d","image":""}}`, who: admin, status: 400, ancestor: "201"},
		{name: "POST extra field", method: "POST", path: "/items", body: `{"item":{"name":"n","price":1,"description":"d","image":"","x":1}}`, who: admin, status: 400, ancestor: "201, the field dropped"},
		{name: "POST id given (7)", method: "POST", path: "/items", body: `{"item":{"id":7,"name":"n","price":1,"description":"d","image":""}}`, who: admin, status: 201, want: `{"id":5,"name":"n","price":1,"description":"d","image":""}`},
		{name: "POST id string", method: "POST", path: "/items", body: `{"item":{"id":"7","name":"n","price":1,"description":"d","image":""}}`, who: admin, status: 400},
		{name: "POST no wrapper", method: "POST", path: "/items", body: `{"name":"n","price":1,"description":"d","image":""}`, who: admin, status: 201, want: `{"id":6,"name":"n","price":1,"description":"d","image":""}`, ancestor: "400"},
		{name: "POST empty body", method: "POST", path: "/items", who: admin, status: 400},
		{name: "POST item=null", method: "POST", path: "/items", body: `{"item":null}`, who: admin, status: 400},
		{name: "POST item=array", method: "POST", path: "/items", body: `{"item":[]}`, who: admin, status: 400},
		{name: "POST malformed JSON", method: "POST", path: "/items", body: `{"item":{"name":`, who: admin, status: 400},
		{name: "POST malformed JSON no token", method: "POST", path: "/items", body: `{"item":{"name":`, who: anyone, status: 401, ancestor: "400: it read the body first"},
		{name: "POST invalid body no token", method: "POST", path: "/items", body: `{"item":{}}`, who: anyone, status: 401},
		{name: "POST invalid body empty perms", method: "POST", path: "/items", body: `{"item":{}}`, who: nobody, status: 403},
		{name: "POST text/plain", method: "POST", path: "/items", body: soup, who: with(admin, "Content-Type", "text/plain"), status: 415, ancestor: "400"},
		{name: "POST form", method: "POST", path: "/items", body: "name=Soup", who: with(admin, "Content-Type", "application/x-www-form-urlencoded"), status: 415, ancestor: "400"},
		{name: "POST 200 KB body", method: "POST", path: "/items", body: `{"item":{"name":"` + strings.Repeat("x", 200_000) + `"}}`, who: admin, status: 413, ancestor: "500"},

		{name: "PUT existing (2)", method: "PUT", path: "/items", body: soda, who: admin, status: 200, want: sodaSaved},
		{name: "GET after PUT", method: "GET", path: "/items/2", who: anyone, status: 200, want: sodaSaved, ancestor: "the same with id last"},
		{name: "PUT unknown (99)", method: "PUT", path: "/items", body: strings.Replace(soda, `"id":2`, `"id":99`, 1), who: admin, status: 404, ancestor: "500"},
		{name: "PUT no id", method: "PUT", path: "/items", body: soup, who: admin, status: 400, ancestor: "500"},
		{name: "PUT no wrapper", method: "PUT", path: "/items", body: sodaSaved, who: admin, status: 200, want: sodaSaved, ancestor: "400"},
		{name: "PUT no token", method: "PUT", path: "/items", body: soda, who: anyone, status: 401},
		{name: "PUT empty perms", method: "PUT", path: "/items", body: soda, who: nobody, status: 403},
		{name: "PUT /items/2", method: "PUT", path: "/items/2", body: soda, who: admin, status: 200, want: sodaSaved, ancestor: "404"},

		{name: "DELETE no token", method: "DELETE", path: "/items/1", who: anyone, status: 401},
		{name: "DELETE only update:items", method: "DELETE", path: "/items/1", who: updater, status: 403},
		{name: "DELETE 1 first", method: "DELETE", path: "/items/1", who: admin, status: 200, want: burger},
		{name: "DELETE 1 second", method: "DELETE", path: "/items/1", who: admin, status: 404, ancestor: "500"},
		{name: "DELETE abc", method: "DELETE", path: "/items/abc", who: admin, status: 400, ancestor: "500"},
		{name: "DELETE /items", method: "DELETE", path: "/items", who: admin, status: 405, ancestor: "404"},
		{name: "PATCH", method: "PATCH", path: "/items/2", body: `{"item":{"price":1.75}}`, who: admin, status: 200, want: strings.Replace(sodaSaved, "1.5", "1.75", 1), ancestor: "404"},

		{name: "preflight", method: "OPTIONS", path: "/items", who: with(anyone, "Origin", "http://localhost:4040", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type"), status: 204, want: empty},
		{name: "preflight on /nope", method: "OPTIONS", path: "/nope", who: with(anyone, "Origin", "http://localhost:4040", "Access-Control-Request-Method", "POST"), status: 204, want: empty},
		{name: "401 with Origin", method: "POST", path: "/items", body: soup, who: with(anyone, "Origin", "http://localhost:4040"), status: 401},
		{name: "unknown route", method: "GET", path: "/nope", who: anyone, status: 404},
	}
	a := newAPI(t, nil)
	for _, test := range tests { // in order: later rows see what earlier ones wrote
		t.Run(test.name, func(t *testing.T) {
			headers := test.who(a)
			r := a.do(test.method, test.path, test.body, headers...)
			r.assertStatus(t, test.status)
			switch {
			case test.want == empty:
				if r.body != "" {
					t.Errorf("got body %q, want none", r.body)
				}
			case test.want != none:
				if r.body != test.want {
					t.Errorf("got body\n%s\nwant\n%s", r.body, test.want)
				}
				assertHeader(t, r, "Content-Type", "application/json; charset=utf-8")
			default:
				r.mustProblem(t)
			}
			if strings.Contains(strings.Join(headers, " "), "Origin") {
				assertHeader(t, r, "Access-Control-Allow-Origin", "*")
			}
			if test.status == 401 && !strings.HasPrefix(r.header.Get("WWW-Authenticate"), `Bearer realm="menu-api"`) {
				t.Errorf("got challenge %q", r.header.Get("WWW-Authenticate"))
			}
			if got := r.header.Get("X-Powered-By") + r.header.Get("Server"); got != "" {
				t.Errorf("the answer tells what it runs on: %q", got)
			}
		})
	}
	after := a.do("GET", "/items", "").body
	if want := `{"2":{"id":2,"name":"Soda","price":1.75,"description":"Fizzy","image":"https://x/soda.png"},"3":` + tea +
		`,"4":{"id":4,"name":"Soup","price":4.5,"description":"Warm","image":""},"5":{"id":5,"name":"n","price":1,"description":"d","image":""},"6":{"id":6,"name":"n","price":1,"description":"d","image":""}}`; after != want {
		t.Errorf("the menu in the end: got\n%s\nwant\n%s", after, want)
	}
}

func TestConditionalReads(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	for _, path := range []string{"/items", "/items/1"} {
		first := a.do("GET", path, "")
		etag := first.header.Get("ETag")
		if !strings.HasPrefix(etag, `"`) || !strings.HasSuffix(etag, `"`) {
			t.Errorf("%s: got ETag %s, want a strong one", path, etag)
		}
		assertHeader(t, first, "Cache-Control", "no-cache")
		for candidate, want := range map[string]int{
			etag: 304, "W/" + etag: 304, `"x", ` + etag: 304, "*": 304, `"x"`: 200, strings.Trim(etag, `"`): 200,
		} {
			for _, method := range []string{"GET", "HEAD"} {
				r := a.do(method, path, "", "If-None-Match", candidate)
				if r.status != want || (want == 304 && r.body != "") {
					t.Errorf("%s %s with If-None-Match %s: got %d %q, want %d", method, path, candidate, r.status, r.body, want)
				}
				assertHeader(t, r, "ETag", etag)
			}
		}
		a.do("GET", path, "", "If-Match", `"stale"`).assertStatus(t, 412)
		a.do("GET", path, "", "If-Match", etag).assertStatus(t, 200)
		head := a.do("HEAD", path, "")
		for _, name := range []string{"ETag", "Content-Length", "Content-Type", "Cache-Control"} {
			assertHeader(t, head, name, first.header.Get(name))
		}
	}
	before := a.do("GET", "/items", "").header.Get("ETag")
	a.do("POST", "/items", soup, a.admin()...).assertStatus(t, 201)
	if after := a.do("GET", "/items", "").header.Get("ETag"); after == before {
		t.Error("the menu changed and its ETag did not")
	}
}

func TestConditionalWrites(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	headers := func(more ...string) []string { return append(a.admin(), more...) }
	etag := a.do("GET", "/items/2", "").header.Get("ETag")

	for name, precondition := range map[string][]string{
		"a stale tag":           {"If-Match", `"stale"`},
		"a weak tag":            {"If-Match", "W/" + etag},
		"only if it is new":     {"If-None-Match", "*"},
		"only if it is another": {"If-None-Match", etag},
	} {
		for _, write := range []struct{ method, path, body string }{
			{"PUT", "/items", soda}, {"PUT", "/items/2", soda}, {"PATCH", "/items/2", `{"price":1}`}, {"DELETE", "/items/2", ""},
		} {
			r := a.do(write.method, write.path, write.body, headers(precondition...)...)
			if r.status != 412 {
				t.Errorf("%s %s with %s: got %d %s, want 412", write.method, write.path, name, r.status, r.body)
				continue
			}
			r.mustProblem(t)
			assertHeader(t, r, "ETag", etag)
		}
	}
	if got := a.do("GET", "/items/2", "").body; got != pizza {
		t.Errorf("got %s, want it untouched", got)
	}

	put := a.do("PUT", "/items/2", soda, headers("If-Match", etag)...)
	put.assertStatus(t, 200)
	assertHeader(t, put, "ETag", a.do("GET", "/items/2", "").header.Get("ETag"))
	a.do("PATCH", "/items/2", `{"price":1}`, headers("If-Match", etag)...).assertStatus(t, 412) // it has changed since
	a.do("PATCH", "/items/2", `{"price":1}`, headers("If-Match", `"x", `+put.header.Get("ETag"))...).assertStatus(t, 200)
	a.do("DELETE", "/items/2", "", headers("If-Match", "*")...).assertStatus(t, 200)
	a.do("DELETE", "/items/2", "", headers("If-Match", "*")...).assertStatus(t, 404) // gone goes before stale
}

func TestWriteAnswers(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	created := a.do("POST", "/items", `{"item":{"name":"  Soup  ","price":4.50,"description":"<b>&</b>","image":"https://x/y?a=1&b=2","tagline":"t","category":"c","calories":0}}`, a.admin()...)
	created.assertStatus(t, 201)
	want := `{"id":4,"name":"Soup","price":4.5,"description":"<b>&</b>","image":"https://x/y?a=1&b=2","tagline":"t","category":"c","calories":0}`
	if created.body != want {
		t.Errorf("got %s, want %s", created.body, want)
	}
	assertHeader(t, created, "Location", "/items/4")
	assertHeader(t, created, "Cache-Control", "no-store")
	read := a.do("GET", created.header.Get("Location"), "")
	if read.body != want {
		t.Errorf("got %s, want what the POST answered", read.body)
	}
	assertHeader(t, created, "ETag", read.header.Get("ETag"))

	patched := a.do("PATCH", "/items/4", `{"tagline":null,"category":"","calories":""}`, append(a.admin(), "Content-Type", "application/merge-patch+json; charset=UTF-8")...)
	if want := `{"id":4,"name":"Soup","price":4.5,"description":"<b>&</b>","image":"https://x/y?a=1&b=2"}`; patched.body != want {
		t.Errorf("PATCH with null: got %s, want %s", patched.body, want)
	}
	same := a.do("PATCH", "/items/4", `{"item":{}}`, a.admin()...)
	if same.status != 200 || same.body != patched.body {
		t.Errorf("an empty PATCH: got %d %s, want it unchanged", same.status, same.body)
	}
	replaced := a.do("PUT", "/items/4", `{"item":{"name":"Broth","price":0,"description":"","image":""}}`, a.admin()...)
	if want := `{"id":4,"name":"Broth","price":0,"description":"","image":""}`; replaced.body != want {
		t.Errorf("PUT: got %s, want %s", replaced.body, want)
	}
	deleted := a.do("DELETE", "/items/4", "", a.admin()...)
	if deleted.body != replaced.body {
		t.Errorf("DELETE: got %s, want the deleted item", deleted.body)
	}
	assertHeader(t, deleted, "ETag", "")
}

// Ten items and more: sorted as numbers, not as text.
func TestMenuIsInTheOrderOfIDs(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	for range 9 {
		a.do("POST", "/items", soup, a.admin()...).assertStatus(t, 201)
	}
	body := a.do("GET", "/items", "").body
	last := -1
	for _, key := range []string{`"1":`, `"2":`, `"9":`, `"10":`, `"11":`, `"12":`} {
		at := strings.Index(body, key+`{"id":`)
		if at <= last {
			t.Fatalf("%s stands at %d, after %d: %s", key, at, last, body)
		}
		last = at
	}
}

func TestPublicReadsIgnoreTokens(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	for name, authorization := range map[string]string{
		"valid":   "Bearer " + a.issuer.Token(t),
		"expired": "Bearer " + a.issuer.TokenWith(t, nil, map[string]any{"exp": 1}),
		"garbage": "Bearer garbage",
		"basic":   "Basic dXNlcjpwYXNz",
	} {
		for _, path := range []string{"/items", "/items/1"} {
			if r := a.do("GET", path, "", "Authorization", authorization); r.status != 200 {
				t.Errorf("%s with a token that is %s: got %d, want 200", path, name, r.status)
			}
		}
	}
}

func TestPathsThatAreNone(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	for path, want := range map[string]int{
		"/items%2F1": 404, "/items/1%2F": 400, "/items/1/": 200, "/items//": 404, "//items": 404, "/items/1/2": 404, "/Items": 404,
		"/items/%2e%2e/items": 404, "/items/..": 400, "/items/%2531": 400, "/items/%00": 400, "/items/%C0%AF": 400, "/items?id=1": 200,
	} {
		r := a.do("GET", path, "")
		if r.status != want {
			t.Errorf("%s: got %d %s, want %d", path, r.status, r.body, want)
		}
		if want >= 400 {
			r.mustProblem(t)
		}
	}
	conn := mustDial(t, serve(t, nil, nil).url) // its own http.Server, whose settings matter here
	_, _ = io.WriteString(conn, "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
	mustAnswer(t, conn).mustProblem(t)
}

func TestMethods(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	for path, allow := range map[string]string{
		"/items":   "GET, HEAD, POST, PUT",
		"/items/1": "GET, HEAD, PUT, PATCH, DELETE",
		"/healthz": "GET, HEAD",
	} {
		for _, method := range []string{"TRACE", "BREW", "DELETE", "POST", "PATCH", "PUT"} {
			if strings.Contains(allow, method) {
				continue
			}
			r := a.do(method, path, "")
			r.assertStatus(t, http.StatusMethodNotAllowed)
			assertHeader(t, r, "Allow", allow)
			r.mustProblem(t)
		}
		r := a.do("OPTIONS", path, "")
		r.assertStatus(t, http.StatusNoContent)
		assertHeader(t, r, "Allow", allow)
	}
}
