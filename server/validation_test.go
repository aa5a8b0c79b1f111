package server_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"menu-api/items"
	"menu-api/server"
)

// item returns the body of a valid item with one member set to a JSON literal, or without the member for "".
func item(name, literal string) string {
	members := []string{`"name":"n"`, `"price":1`, `"description":"d"`, `"image":""`}
	kept := members[:0]
	for _, m := range members {
		if !strings.HasPrefix(m, `"`+name+`":`) {
			kept = append(kept, m)
		}
	}
	if literal != "" {
		kept = append(kept, `"`+name+`":`+literal)
	}
	return "{" + strings.Join(kept, ",") + "}"
}

func text(n int) string { return `"` + strings.Repeat("ä", n) + `"` }

// TestMessagesForNumbersAsText: a number in quotes is a common mistake, so the message names it.
func TestMessagesForNumbersAsText(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	for name, test := range map[string]struct{ field, literal, want string }{
		"a price in quotes":   {"price", `"4.50"`, "must be a number, not text"},
		"calories in quotes":  {"calories", `"320"`, "must be a number, not text"},
		"a price with a sign": {"price", `"$4.50"`, "must be a number from 0 to 1,000,000 with at most two decimals"},
		"no text":             {"price", `""`, "must be a number from 0 to 1,000,000 with at most two decimals"},
		"a boolean":           {"calories", `true`, "must be a whole number from 0 to 100,000"},
	} {
		t.Run(name, func(t *testing.T) {
			r := a.do("POST", "/items", item(test.field, test.literal), a.admin()...)
			if want := `"message":"` + test.want + `"`; r.status != 400 || !strings.Contains(r.body, want) {
				t.Errorf("got %d %s, want 400 with %s", r.status, r.body, want)
			}
		})
	}
}

// TestUnknownPathNamesTheMenu: the response for a path that does not exist says where the menu is.
func TestUnknownPathNamesTheMenu(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	for path, want := range map[string]string{"/api/menu": "/api/menu/items", "/api": "/api/menu/items", "/item": "The menu is at /items."} {
		if r := a.do("GET", path, ""); r.status != 404 || !strings.Contains(r.body, want) {
			t.Errorf("%s: got %d %s, want 404 that contains %s", path, r.status, r.body, want)
		}
	}
}

func TestFieldRules(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	url := func(n int) string {
		return `"https://x/` + strings.Repeat("a", n-len("https://x/")) + `"`
	}
	for field, cases := range map[string]struct{ good, bad []string }{
		"name": {
			good: []string{`"x"`, text(200), `"  padded  "`, `"🍔"`, `"\u0041"`, `"\u200fשלום"`, `"نان\u200cی"`, `"❤\ufe0f"`},
			bad: []string{
				"", "null", `""`, `"  "`, `"\u200b"`, `"\u202e\u2066"`, `"\u00ad \ufeff"`, `"\u3164\u115f"`, `"\u2800"`, `"\ufe0f"`, `"\u0007"`, `"\u180e"`,
				`"\udb40\udc41"`, `"\u00a0\u3000"`, text(201), "1", "true", "{}", "[]", `"a\u0000b"`,
			},
		},
		"price": {
			good: []string{"0", "-0", "0.01", "5.990", "1e2", "1000000", "1000000.00", "1E-2"},
			bad:  []string{"", "null", "-0.01", "-1", "0.001", "5.990000000000001", "1000000.01", "1e400", "1e-400", `"1"`, "true", "{}"},
		},
		"description": {
			good: []string{`""`, text(2000), `"line\nbreak"`},
			bad:  []string{"", "null", text(2001), "1"},
		},
		"image": {
			good: []string{`""`, `"http://x"`, `"https://x/y.png?z=1"`, `"HTTPS://x/y"`, `"https://x:8443/caf%C3%A9/é.png#f"`, `"http://[::1]/x"`, url(2048)},
			bad:  []string{"", "null", `"x.png"`, `"/x.png"`, `"//x/y.png"`, `"ftp://x/y"`, `"javascript:alert(1)"`, `"data:image/png;base64,AAAA"`, `"https://"`, `"https:x"`, `"https://."`, `"http://:80/"`, `"http://x:99999/"`, `"https://user:pw@x/"`, `"https://x/a b"`, `"https://x\"onerror="`, `"https://x/<script>"`, `"https://x/\\y"`, `"https://x/\ty"`, url(2049), "1"},
		},
		"tagline":  {good: []string{"", "null", `""`, text(200)}, bad: []string{text(201), "1"}},
		"category": {good: []string{"", "null", `""`, text(100)}, bad: []string{text(101), "false"}},
		"calories": {
			good: []string{"", "null", `""`, "0", "100000", "1e2", "320.0"},
			bad:  []string{"-1", "100001", "1.5", `"320"`, "1e400", "[]"},
		},
		"soldOut": {good: []string{"", "null", `""`, "true", "false"}, bad: []string{"1", "0", `"true"`, `"yes"`, "{}"}},
		"position": {
			good: []string{"", "null", `""`, "0", "1000000000000", "1e12"},
			bad:  []string{"-1", "1000000000001", "1.5", `"1"`, "true", "1e400"},
		},
		"id":     {good: []string{"", "null", "7", "-1", "0", "1.5"}, bad: []string{`"7"`, "{}", "true"}},
		"colour": {good: []string{""}, bad: []string{"1", "null"}},
		"Name":   {good: []string{""}, bad: []string{`"n"`}},
	} {
		for _, literal := range cases.good {
			r := a.do("POST", "/items", item(field, literal), a.admin()...)
			if r.status != 201 {
				t.Errorf("%s %.40s: got %d %s, want 201", field, literal, r.status, r.body)
			}
		}
		for _, literal := range cases.bad {
			body := item(field, literal)
			for prefix, body := range map[string]string{"": body, "item.": `{"item":` + body + `}`} {
				r := a.do("POST", "/items", body, a.admin()...)
				if r.status != 400 {
					t.Errorf("%s %.40s: got %d, want 400", field, literal, r.status)
					continue
				}
				if p := r.mustProblem(t); p.fields() != prefix+field || p.Errors[0].Message == "" {
					t.Errorf("%s %.40s: got errors %v, want one for %s", field, literal, p.Errors, prefix+field)
				}
			}
		}
	}
}

// TestImageURLs checks that the message says what is wrong with the URL of an image, and that blanks around it do not matter.
func TestImageURLs(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	const absolute = "must be an absolute http or https URL, or empty"
	for name, test := range map[string]struct{ image, want string }{
		"a space":                   {"https://x/a b.png", "must not contain a space: write %20"},
		"a space in the host":       {"https://my host/a.png", "must not contain a space: write %20"},
		"a tab":                     {"https://x/a\tb.png", "must not contain a control character (U+0009)"},
		"an angle bracket":          {"https://x/<b>.png", "must not contain <: write %3C"},
		"a quotation mark":          {`https://x/"b".png`, `must not contain ": write %22`},
		"a backslash":               {`https://x\a.png`, `must not contain \: write %5C`},
		"a pipe":                    {"https://x/a|b.png", "must not contain |: write %7C"},
		"a percent sign":            {"https://x/100%.png", "must not contain %.p: write %25 for a percent sign"},
		"a password":                {"https://me:secret@x/a.png", "must not contain a user name or password"},
		"a port":                    {"https://x:99999/a.png", "must have a valid host and port"},
		"a port that is a word":     {"https://x:https/a.png", "must have a valid host and port"},
		"a file name":               {"a b.png", absolute},
		"a path":                    {"/a.png", absolute},
		"another scheme":            {"ftp://x/a.png", absolute},
		"no host":                   {"https:///a.png", absolute},
		"no scheme":                 {"//x/a.png", absolute},
		"blanks around":             {" \thttps://x/a.png \n", ""},
		"only blanks":               {"  ", ""},
		"capitals in the scheme":    {"HTTPS://x/a.png", ""},
		"an escaped space":          {"https://x/a%20b.png", ""},
		"an international path":     {"https://x/Käse.png", ""},
		"a query with a URL inside": {"https://x/?u=http://y/z", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			literal, err := json.Marshal(test.image)
			must(t, err)
			r := a.do("POST", "/items", item("image", string(literal)), a.admin()...)
			if test.want == "" {
				if want := `"image":"` + strings.TrimSpace(test.image) + `"`; r.status != 201 || !strings.Contains(r.body, want) {
					t.Errorf("got %d %s, want 201 and %s", r.status, r.body, want)
				}
				return
			}
			if p := r.mustProblem(t); r.status != 400 || len(p.Errors) != 1 || p.Errors[0].Message != test.want {
				t.Errorf("got %d %v, want 400 %s", r.status, p.Errors, test.want)
			}
		})
	}
}

func TestAllInvalidFieldsAtOnce(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	r := a.do("POST", "/items", `{"colour":1,"item":{"price":"x","name":1,"image":"x","calories":-1,"Tagline":"x","id":"x"}}`, a.admin()...)
	r.assertStatus(t, 400)
	want := "item.id item.name item.price item.description item.image item.calories colour item.Tagline"
	if got := r.mustProblem(t).fields(); got != want {
		t.Errorf("got errors for %s, want %s", got, want)
	}
}

func TestPutAndPatchIDs(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	whole := func(id string) string { return `{"item":` + item("id", id) + `}` }
	for name, test := range map[string]struct {
		method, path, body string
		want               int
		field              string
	}{
		"PUT /items without an id":           {"PUT", "/items", whole(""), 400, "item.id"},
		"PUT /items with null":               {"PUT", "/items", whole("null"), 400, "item.id"},
		"PUT /items with a string":           {"PUT", "/items", whole(`"2"`), 400, "item.id"},
		"PUT /items with zero":               {"PUT", "/items", whole("0"), 400, "item.id"},
		"PUT /items with a fraction":         {"PUT", "/items", whole("2.5"), 400, "item.id"},
		"PUT /items with a huge id":          {"PUT", "/items", whole("99999999999999999999"), 400, "item.id"},
		"PUT /items with an unknown id":      {"PUT", "/items", whole("99"), 404, ""},
		"PUT /items with an id as 2.0":       {"PUT", "/items", whole("2.0"), 200, ""},
		"PUT by path":                        {"PUT", "/items/2", whole(""), 200, ""},
		"PUT by path with the same id":       {"PUT", "/items/2", whole("2"), 200, ""},
		"PUT by path with another id":        {"PUT", "/items/2", whole("3"), 400, "item.id"},
		"PUT by path to an unknown id":       {"PUT", "/items/99", whole(""), 404, ""},
		"PATCH with the same id":             {"PATCH", "/items/2", `{"id":2}`, 200, ""},
		"PATCH with another id":              {"PATCH", "/items/2", `{"id":3}`, 400, "id"},
		"PATCH that removes a name":          {"PATCH", "/items/2", `{"name":null}`, 400, "name"},
		"PATCH with a wrong price":           {"PATCH", "/items/2", `{"item":{"price":-1}}`, 400, "item.price"},
		"PATCH to an unknown id":             {"PATCH", "/items/99", `{"price":1}`, 404, ""},
		"PATCH of an unknown id, wrong body": {"PATCH", "/items/99", `{"price":-1}`, 400, "price"},
	} {
		r := a.do(test.method, test.path, test.body, a.admin()...)
		if r.status != test.want {
			t.Errorf("%s: got %d %s, want %d", name, r.status, r.body, test.want)
			continue
		}
		if test.want != 200 {
			if got := r.mustProblem(t).fields(); got != test.field {
				t.Errorf("%s: got errors for %q, want %q", name, got, test.field)
			}
		}
	}
	for _, id := range []string{"0", "-1", "+1", "01", "1.0", "1e0", "abc", "99999999999999999999", "%31%00", "1%202", "٣"} {
		for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
			body := ""
			if method == "PUT" || method == "PATCH" {
				body = whole("")
			}
			if r := a.do(method, "/items/"+id, body, a.admin()...); r.status != 400 || r.mustProblem(t).fields() != "id" {
				t.Errorf("%s /items/%s: got %d %s, want 400 for id", method, id, r.status, r.body)
			}
		}
	}
	a.do("GET", "/items/9223372036854775807", "").assertStatus(t, 404)
}

// TestBodies: no body is ambiguous, and each response is short.
func TestBodies(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	fill := strings.NewReplacer("<SOUP>", soup, "<NAMES>", manyNames(5000))
	for _, row := range table(t, "bodies.txt", 6) {
		status, fields, detail, body := mustAtoi(t, row[1]), strings.Trim(row[2], "-"), strings.Trim(row[3], "-"), row[5]
		if body[0] == '"' {
			unquoted, err := strconv.Unquote(body)
			if err != nil {
				t.Fatalf("%s: %v", row[4], err)
			}
			body = unquoted
		}
		body = expand(fill.Replace(body))
		if row[0] == "*" {
			row[0] = "POST PUT PATCH"
		}
		for method := range strings.FieldsSeq(row[0]) {
			t.Run(method+" "+row[4], func(t *testing.T) {
				t.Parallel()
				path := "/items/1"
				if method == "POST" {
					path = "/items"
				}
				got := a.do(method, path, body, append(a.admin(), "Content-Type", "application/json")...)
				got.assertStatus(t, status)
				p := got.mustProblem(t)
				if fields != "?" && p.fields() != fields || !strings.Contains(p.Detail, detail) {
					t.Errorf("got %q with errors %v, want %q and %q", p.Detail, p.Errors, detail, fields)
				}
				if len(got.body) > 4000 {
					t.Errorf("got a response of %d bytes", len(got.body))
				}
			})
		}
	}
	t.Cleanup(func() { assertUnchanged(t, a) })
}

func TestBodyAtTheLimit(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	for size, want := range map[int]int{items.MaxBody: 201, items.MaxBody + 1: 413} {
		r := a.do("POST", "/items", soup+strings.Repeat(" ", size-len(soup)), a.admin()...)
		r.assertStatus(t, want)
		if want == 413 && !strings.Contains(r.mustProblem(t).Detail, "65536 bytes") {
			t.Errorf("got %s, want it to say the limit", r.body)
		}
	}
}

// Unknown fields cannot make the response as large as the request.
func TestUnknownFieldsAreReportedBriefly(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	var b strings.Builder
	for i := range 3000 {
		b.WriteString(`"` + strings.Repeat("x", 10) + string(rune('a'+i%26)) + strings.Repeat("y", i%300) + string(rune(0x4E00+i)) + `":1,`)
	}
	r := a.do("POST", "/items", (`{` + b.String())[:60_000]+`":1}`, a.admin()...)
	if p := r.mustProblem(t); r.status != 400 || len(r.body) > 10_000 || len(p.Errors) > 30 {
		t.Errorf("got %d with %d errors in %d bytes, want 400 with a short body", r.status, len(p.Errors), len(r.body))
	}
}

// TestByteOrderMark: a byte order mark before the JSON changes nothing.
func TestByteOrderMark(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	for _, write := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", "/items", soup, 201},
		{"PUT", "/items/1", soda1, 200},
		{"PATCH", "/items/1", `{"price":2}`, 200},
		{"PATCH", "/items", `{"1":{"price":3}}`, 200},
		{"PATCH", "/api/menu/items/1", `{"name":"Tea"}`, 204},
	} {
		a.do(write.method, write.path, "\ufeff"+write.body, a.admin()...).assertStatus(t, write.want)
	}
}

func TestMediaTypes(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	const body = `{"item":{"name":"n","price":1,"description":"d","image":""}}`
	for _, test := range []struct {
		method, path, contentType string
		want                      int
	}{
		{"POST", "/items", "application/json", 201},
		{"POST", "/items", "application/json; charset=utf-8", 201},
		{"POST", "/items", "Application/JSON;charset=UTF-8", 201},
		{"POST", "/items", "application/json; charset=latin1", 415},
		{"POST", "/items", "application/json; charset=utf-16", 415},
		{"POST", "/items", "", 415},
		{"POST", "/items", "text/json", 415},
		{"POST", "/items", "application/jsonx", 415},
		{"POST", "/items", "application/merge-patch+json", 415},
		{"POST", "/items", "multipart/form-data; boundary=x", 415},
		{"POST", "/items", ";;;\xff", 415},
		{"PUT", "/items/2", "application/merge-patch+json", 415},
		{"PATCH", "/items/2", "application/merge-patch+json", 200},
		{"PATCH", "/items/2", "application/json", 200},
		{"PATCH", "/items/2", "application/json-patch+json", 415},
	} {
		r := a.do(test.method, test.path, body, append(a.admin(), "Content-Type", test.contentType)...)
		if r.status != test.want {
			t.Errorf("%s as %q: got %d %s, want %d", test.method, test.contentType, r.status, r.body, test.want)
			continue
		}
		if test.want == 415 && !strings.Contains(r.mustProblem(t).Detail, "application/json") {
			t.Errorf("%s as %q: got %s, want a detail that says what to send", test.method, test.contentType, r.body)
		}
	}
	r := a.do("POST", "/items", "\x1f\x8b", append(a.admin(), "Content-Encoding", "gzip")...)
	if detail := r.mustProblem(t).Detail; r.status != 415 || !strings.Contains(detail, "gzip; send it uncompressed") {
		t.Errorf("compressed: got %d %s, want 415 with what to send", r.status, detail)
	}
	// The media type is checked before the id in the path, and every line of a header counts.
	a.do("PUT", "/items/abc", body, append(a.admin(), "Content-Type", "text/plain")...).assertStatus(t, 415)
	for _, lines := range []string{
		"Content-Type: application/json\r\nContent-Type: text/plain", "Content-Type: application/json\r\nContent-Encoding: identity\r\nContent-Encoding: gzip",
	} {
		conn := mustDial(t, a.url)
		_, _ = fmt.Fprintf(conn, "POST /items HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n%s\r\n\r\n%s", a.issuer.Token(t, items.Permissions()...), len(body), lines, body)
		mustAnswer(t, conn).assertStatus(t, 415)
	}
}

func TestErrorDetailsCanBeHidden(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(o *server.Options) { o.HideErrorDetails = true })
	r := a.do("POST", "/items", `{"item":{"name":"","price":"x"}}`, a.admin()...)
	p := r.mustProblem(t)
	if r.status != 400 || len(p.Errors) != 0 || strings.Contains(r.body, "item.") || strings.Contains(r.body, "price") {
		t.Errorf("got %d %s, want 400 without fields", r.status, r.body)
	}
	if !strings.Contains(a.log.String(), "item.price") {
		t.Error("the log does not say which field was wrong")
	}
}
