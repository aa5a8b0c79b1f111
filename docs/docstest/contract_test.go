package docstest_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"menu-api/docs/docstest"
)

const tea = `{"id":3,"name":"Tea","price":1.99,"description":"Informative","image":""}`

// itemHeader is a header that an item may be answered with.
func itemHeader(change map[string]string) http.Header {
	fields := map[string]string{
		"Content-Type": "application/json; charset=utf-8", "X-Request-Id": "abc", "Cache-Control": "no-cache", "ETag": `"1-abc"`,
		"Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff",
	}
	maps.Copy(fields, change)
	header := http.Header{}
	for name, value := range fields {
		if value != "" {
			header.Set(name, value)
		}
	}
	return header
}

// TestCheck: what the document does not allow is seen, and what it allows is not.
func TestCheck(t *testing.T) {
	t.Parallel()
	const problem = `{"type":"urn:problem-type:menu-api:no-such-item","title":"Not Found","status":404,"detail":"No item has this id.","instance":"abc"}`
	asProblem := map[string]string{"Content-Type": "application/problem+json", "Cache-Control": "no-store", "ETag": ""}
	stream := map[string]string{"Content-Type": "text/event-stream", "Cache-Control": "no-store", "ETag": "", "X-Accel-Buffering": "no"}
	for _, test := range []struct {
		name         string
		method, path string
		status       int
		header       map[string]string
		body         string
		want         string // a part of what is wrong, "" when nothing is
	}{
		{name: "an item", path: "/items/3", status: 200, body: tea},
		{name: "a slash at the end", path: "/items/3/", status: 200, body: tea},
		{name: "a HEAD", method: "HEAD", path: "/items/3", status: 200},
		{name: "a problem", path: "/items/9", status: 404, header: asProblem, body: problem},
		{name: "a problem of a path that is none", path: "/nothing", status: 404, header: asProblem, body: strings.Replace(problem, "no-such-item", "no-such-route", 1)},
		{name: "a page", path: "/docs", status: 200, body: "<!doctype html>"},
		{name: "a page of no item", path: "/menu/9", status: 404, header: map[string]string{"Content-Type": "text/html; charset=utf-8"}, body: "<!doctype html>"},
		{name: "a preflight", method: "OPTIONS", path: "/items", status: 204},
		{name: "HTTP's own", path: "/items", status: 431, header: map[string]string{"X-Request-Id": ""}, body: "431"},
		{name: "events", path: "/items/events", status: 200, header: stream, body: "id: 1\nevent: ready\ndata: {}\n\nretry: 3000\n\n: heartbeat\n\n" +
			"id: 2\nevent: change\ndata: {\"id\":3,\"action\":\"delete\",\"version\":2,\"item\":null}\n\nid: 3\nevent: cha"},

		{name: "a status", path: "/items/3", status: 202, body: tea, want: "getItem does not have the status 202"},
		{name: "a status of a page", path: "/docs", status: 500, want: "500 is no answer"},
		{name: "a method", method: "POST", path: "/items/3", status: 200, body: tea, want: "200 is no answer to POST"},
		{name: "a path", path: "/itemz", status: 200, body: tea, want: "200 is no answer to GET"},
		{name: "a field that is missing", path: "/items/3", status: 200, body: `{"id":3,"name":"Tea","price":1.99,"image":""}`, want: "missing property 'description'"},
		{name: "a field too many", path: "/items/3", status: 200, body: strings.Replace(tea, "{", `{"cost":1,`, 1), want: "additional properties 'cost' not allowed"},
		{name: "a type", path: "/items/3", status: 200, body: strings.Replace(tea, "1.99", `"1.99"`, 1), want: "got string, want number"},
		{name: "a null", path: "/items/3", status: 200, body: strings.Replace(tea, "}", `,"tagline":null}`, 1), want: "got null, want string"},
		{name: "an item of another type of problem", path: "/items/9", status: 404, header: asProblem, body: strings.Replace(problem, "no-such-item", "internal-error", 1), want: "no-such-item"},
		{name: "a type of problem that there is not", path: "/items/9", status: 404, header: asProblem, body: strings.Replace(problem, "no-such-item", "gone", 1), want: "value must be one of"},
		{name: "another status in the problem", path: "/items/9", status: 404, header: asProblem, body: strings.Replace(problem, "404", "400", 1), want: "value must be 404"},
		{name: "a media type", path: "/items/3", status: 200, header: map[string]string{"Content-Type": "text/html"}, body: tea, want: `the Content-Type is "text/html"`},
		{name: "a header that is missing", path: "/items/3", status: 200, header: map[string]string{"ETag": ""}, body: tea, want: "header ETag is missing"},
		{name: "a header of all answers", path: "/items/3", status: 200, header: map[string]string{"X-Content-Type-Options": ""}, body: tea, want: "header X-Content-Type-Options is missing"},
		{name: "a header too many", path: "/items/3", status: 200, header: map[string]string{"X-Powered-By": "Gin"}, body: tea, want: "header X-Powered-By is not described"},
		{name: "a header's value", path: "/items/3", status: 200, header: map[string]string{"ETag": "W/\"1\""}, body: tea, want: "header ETag: "},
		{name: "a body of a HEAD", method: "HEAD", path: "/items/3", status: 200, body: tea, want: "want none"},
		{name: "a body of a 304", path: "/items/3", status: 304, body: tea, want: "want none"},
		{name: "no JSON", path: "/items/3", status: 200, body: tea[1:], want: "the body is not JSON"},
		{name: "an unknown event", path: "/items/events", status: 200, header: stream, body: "event: gone\ndata: {}\n\n", want: "is not described"},
		{name: "an event's data", path: "/items/events", status: 200, header: stream, body: "event: change\ndata: {\"id\":3}\n\n", want: "missing properties"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := docstest.Answer{Method: "GET", Path: test.path, Status: test.status, Header: itemHeader(test.header), Body: []byte(test.body)}
			if test.method != "" {
				a.Method = test.method
			}
			err := docstest.Load().Check(a)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("got %v, want nothing wrong", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}
