package server_test

import (
	"fmt"
	"slices"
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

// TestContract compares the API with the NestJS application. Where that succeeded, the status is the same, and so is the body
// of a read, byte for byte. The rows say where this API differs.
func TestContract(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	token := func(change map[string]any) []string {
		return []string{"Authorization", "Bearer " + a.issuer.TokenWith(t, items.Permissions(), change)}
	}
	senders := map[string][]string{
		"anyone": nil, "admin": a.admin(), "nobody": a.as(), "updater": a.as(items.UpdateItems), "garbage": {"Authorization", "Bearer garbage"},
		"expired": token(map[string]any{"exp": 1}), "another audience": token(map[string]any{"aud": "x"}), "without permissions": token(map[string]any{"permissions": nil}),
	}
	fill := strings.NewReplacer("<MENU>", menu, "<BURGER>", burger, "<SOUP>", soup, "<SODA>", soda, "<SODA SAVED>", sodaSaved)
	for _, row := range table(t, "contract.txt", 8) { // in order: later rows see what earlier ones wrote
		t.Run(row[0], func(t *testing.T) {
			method, path, _ := strings.Cut(row[1], " ")
			headers, known := senders[row[2]]
			if !known {
				t.Fatalf("there is no sender %q", row[2])
			}
			headers = slices.Clone(headers)
			for header := range strings.SplitSeq(row[3], "; ") {
				if name, value, ok := strings.Cut(header, ": "); ok {
					headers = append(headers, name, value)
				}
			}
			body := ""
			if row[4] != "-" {
				body = expand(fill.Replace(row[4]))
			}
			r := a.do(method, path, body, headers...)
			r.assertStatus(t, mustAtoi(t, row[5]))
			switch want := fill.Replace(row[6]); want {
			case "empty":
				assertBody(t, r, r.status, "")
			case "-":
				r.mustProblem(t)
			default:
				assertBody(t, r, r.status, want)
				assertHeader(t, r, "Content-Type", "application/json; charset=utf-8")
			}
			if strings.Contains(row[3], "Origin: ") {
				assertHeader(t, r, "Access-Control-Allow-Origin", "*")
			}
			if r.status == 401 && !strings.HasPrefix(r.header.Get("WWW-Authenticate"), `Bearer realm="menu-api"`) {
				t.Errorf("got challenge %q", r.header.Get("WWW-Authenticate"))
			}
			if got := r.header.Get("X-Powered-By") + r.header.Get("Server"); got != "" {
				t.Errorf("the response names the software of the server: %q", got)
			}
		})
	}
	after := a.do("GET", "/items", "").body
	if want := `{"2":{"id":2,"name":"Soda","price":1.75,"description":"Fizzy","image":"https://x/soda.png"},"3":` + tea +
		`,"4":{"id":4,"name":"Soup","price":4.5,"description":"Warm","image":""},"5":{"id":5,"name":"n","price":1,"description":"d","image":""},"6":{"id":6,"name":"n","price":1,"description":"d","image":""}}`; after != want {
		t.Errorf("the menu at the end: got\n%s\nwant\n%s", after, want)
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
		"a weak stale tag":      {"If-Match", `W/"stale"`},
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
	a.do("DELETE", "/items/2", "", headers("If-Match", "*")...).assertStatus(t, 404) // 404 has precedence over 412
}

// TestETagsFromProxies: a compressing proxy weakens or extends an ETag. The client's tag still identifies the version.
func TestETagsFromProxies(t *testing.T) {
	t.Parallel()
	for name, format := range map[string]string{
		"weakened": `W/"%s"`, "our own for gzip": `"%s-gzip"`, "our own for zstd": `"%s-zstd"`, "with a semicolon": `"%s;br"`,
		"weakened and extended": `W/"%s-gzip"`, "after another": `"x", W/"%s"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t, nil)
			form := func(path string) string {
				return fmt.Sprintf(format, strings.Trim(a.do("GET", path, "").header.Get("ETag"), `"`))
			}
			for _, path := range []string{"/items", "/items/1", "/api/menu/items", "/api/menu/items/1"} {
				a.do("GET", path, "", "If-None-Match", form(path)).assertStatus(t, 304)
				a.do("GET", path, "", "If-Match", form(path)).assertStatus(t, 200)
			}
			stale := form("/items/1")
			a.do("PATCH", "/items/1", `{"price":1}`, append(a.admin(), "If-None-Match", stale)...).assertStatus(t, 412)
			a.do("PATCH", "/items/1", `{"price":1}`, append(a.admin(), "If-Match", stale)...).assertStatus(t, 200)
			a.do("PATCH", "/items/1", `{"price":2}`, append(a.admin(), "If-Match", stale)...).assertStatus(t, 412)
			a.do("PUT", "/items/1", soda1, append(a.admin(), "If-Match", form("/items/1"))...).assertStatus(t, 200)
			menuPath := "/api/menu/items/1"
			a.do("PATCH", menuPath, `{"price":1}`, append(a.admin(), "If-Match", form(menuPath))...).assertStatus(t, 204)
			a.do("DELETE", "/items/1", "", append(a.admin(), "If-Match", stale)...).assertStatus(t, 412)
			a.do("DELETE", "/items/1", "", append(a.admin(), "If-Match", form("/items/1"))...).assertStatus(t, 200)
		})
	}
}

const soda1 = `{"item":{"name":"Soda","price":1,"description":"","image":""}}`

// TestUnquotedETags: an If-Match that is not a list of ETags is not valid, rather than stale.
func TestUnquotedETags(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	etag := a.do("GET", "/items/1", "").header.Get("ETag")
	unquoted := strings.Trim(etag, `"`)
	for _, header := range []string{unquoted, "W/" + unquoted, "'" + unquoted + "'", `"` + unquoted, etag + ", " + unquoted} {
		for _, request := range []struct{ method, path, body string }{
			{"GET", "/items/1", ""}, {"PUT", "/items/1", soda1}, {"PATCH", "/items/1", `{"price":1}`}, {"DELETE", "/items/1", ""}, {"DELETE", "/items/99", ""},
		} {
			r := a.do(request.method, request.path, request.body, append(a.admin(), "If-Match", header)...)
			r.assertStatus(t, 400)
			if got := r.mustProblem(t).Detail; !strings.Contains(got, "quotes") {
				t.Errorf("%s %s with If-Match %s: got %q, want a hint at the quotes", request.method, request.path, header, got)
			}
		}
	}
	if got := a.do("GET", "/items/1", "").header.Get("ETag"); got != etag {
		t.Errorf("got the ETag %s, want the item unchanged", got)
	}
}

func TestWriteResponses(t *testing.T) {
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
		t.Errorf("got %s, want the response of the POST", read.body)
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

// Ids are sorted as numbers, not as text.
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
			t.Fatalf("%s is at %d, want it after %d: %s", key, at, last, body)
		}
		last = at
	}
}

// A public read ignores its token, also in a browser.
func TestPublicReadsIgnoreTokens(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	for name, authorization := range map[string]string{
		"valid":                 "Bearer " + a.issuer.Token(t),
		"expired":               "Bearer " + a.issuer.TokenWith(t, nil, map[string]any{"exp": 1}),
		"of another issuer":     "Bearer " + a.issuer.TokenWith(t, nil, map[string]any{"iss": "https://other.example/"}),
		"garbage":               "Bearer garbage",
		"empty, before sign-in": "Bearer ",
		"basic":                 "Basic dXNlcjpwYXNz",
	} {
		for _, path := range []string{"/items", "/items/1", "/api/menu/items", "/api/menu/items/1"} {
			r := dashboardClient{a, authorization}.fetch("GET", path, "")
			if r.status != 200 || !strings.Contains(r.body, "Burger") || r.header.Get("WWW-Authenticate") != "" {
				t.Errorf("%s with a token that is %s: got %d %s, want the menu", path, name, r.status, r.body)
			}
		}
	}
}
