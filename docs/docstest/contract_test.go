package docstest_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"menu-api/docs/docstest"
)

const tea = `{"id":3,"name":"Tea","price":1.99,"description":"Informative","image":""}`

// itemHeader returns the headers of a response with an item, with changes. An empty value removes a header.
func itemHeader(changes map[string]string) http.Header {
	fields := map[string]string{
		"Content-Type": "application/json; charset=utf-8", "X-Request-Id": "abc", "Cache-Control": "no-cache", "ETag": `"1-abc"`,
		"Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff",
	}
	maps.Copy(fields, changes)
	header := http.Header{}
	for name, value := range fields {
		if value != "" {
			header.Set(name, value)
		}
	}
	return header
}

func TestCheck(t *testing.T) {
	t.Parallel()
	const problem = `{"type":"urn:problem-type:menu-api:no-such-item","title":"Not Found","status":404,"detail":"No item has this id.","instance":"abc"}`
	asProblem := map[string]string{"Content-Type": "application/problem+json", "Cache-Control": "no-store", "ETag": ""}
	stream := map[string]string{"Content-Type": "text/event-stream", "Cache-Control": "no-store, no-transform", "ETag": "", "X-Accel-Buffering": "no"}
	for _, test := range []struct {
		name         string
		method, path string
		request      string // a body
		status       int
		header       map[string]string
		body         string
		want         string // a part of the error, "" for no error
	}{
		{name: "item", path: "/items/3", status: 200, body: tea},
		{name: "trailing slash", path: "/items/3/", status: 200, body: tea},
		{name: "HEAD", method: "HEAD", path: "/items/3", status: 200},
		{name: "problem", path: "/items/9", status: 404, header: asProblem, body: problem},
		{name: "problem on an unknown path", path: "/nothing", status: 404, header: asProblem, body: strings.Replace(problem, "no-such-item", "no-such-route", 1)},
		{name: "page", path: "/docs", status: 200, body: "<!doctype html>"},
		{name: "page of a missing item", path: "/menu/9", status: 404, header: map[string]string{"Content-Type": "text/html; charset=utf-8"}, body: "<!doctype html>"},
		{name: "preflight", method: "OPTIONS", path: "/items", status: 204},
		{name: "response of net/http", path: "/items", status: 431, header: map[string]string{"X-Request-Id": ""}, body: "431"},
		{name: "events", path: "/items/events", status: 200, header: stream, body: "id: 1\nevent: ready\ndata: {}\n\nretry: 3000\n\n: heartbeat\n\n" +
			"id: 2\nevent: change\ndata: {\"id\":3,\"action\":\"delete\",\"version\":2,\"item\":null}\n\nid: 3\nevent: cha"},
		{name: "rejected request", method: "PUT", path: "/items/9", request: `{"nam`, status: 404, header: asProblem, body: problem},

		{name: "unknown status", path: "/items/3", status: 202, body: tea, want: "202"},
		{name: "unknown path", path: "/itemz", status: 200, body: tea, want: "does not describe status 200 for GET"},
		{name: "missing field", path: "/items/3", status: 200, body: `{"id":3,"name":"Tea","price":1.99,"image":""}`, want: "missing property 'description'"},
		{name: "unknown field", path: "/items/3", status: 200, body: strings.Replace(tea, "{", `{"cost":1,`, 1), want: "additional properties 'cost' not allowed"},
		{name: "wrong type", path: "/items/3", status: 200, body: strings.Replace(tea, "1.99", `"1.99"`, 1), want: "got string, want number"},
		{name: "null", path: "/items/3", status: 200, body: strings.Replace(tea, "}", `,"tagline":null}`, 1), want: "got null, want string"},
		{name: "another problem type", path: "/items/9", status: 404, header: asProblem, body: strings.Replace(problem, "no-such-item", "internal-error", 1), want: "no-such-item"},
		{name: "unknown problem type", path: "/items/9", status: 404, header: asProblem, body: strings.Replace(problem, "no-such-item", "gone", 1), want: "value must be one of"},
		{name: "another status in the problem", path: "/items/9", status: 404, header: asProblem, body: strings.Replace(problem, "404", "400", 1), want: "value must be 404"},
		{name: "wrong media type", path: "/items/3", status: 200, header: map[string]string{"Content-Type": "text/html"}, body: tea, want: "text/html"},
		{name: "missing header", path: "/items/3", status: 200, header: map[string]string{"ETag": ""}, body: tea, want: "'ETag' is missing"},
		{name: "missing header of every response", path: "/items/3", status: 200, header: map[string]string{"X-Content-Type-Options": ""}, body: tea, want: "header X-Content-Type-Options is missing"},
		{name: "unknown header", path: "/items/3", status: 200, header: map[string]string{"X-Powered-By": "Gin"}, body: tea, want: "X-Powered-By"},
		{name: "wrong header value", path: "/items/3", status: 200, header: map[string]string{"ETag": "W/\"1\""}, body: tea, want: "etag"},
		{name: "body of a HEAD", method: "HEAD", path: "/items/3", status: 200, body: tea, want: "want none"},
		{name: "body of a 304", path: "/items/3", status: 304, body: tea, want: "want none"},
		{name: "not JSON", path: "/items/3", status: 200, body: tea[1:], want: "cannot be decoded"},
		{name: "unknown event", path: "/items/events", status: 200, header: stream, body: "event: gone\ndata: {}\n\n", want: "does not describe the event"},
		{name: "wrong event data", path: "/items/events", status: 200, header: stream, body: "event: change\ndata: {\"id\":3}\n\n", want: "missing properties"},
		{name: "accepted invalid body", method: "PUT", path: "/items/3", request: `{"item":{}}`, status: 200, body: tea, want: "request body"},
		{name: "accepted invalid parameter", path: "/items?limit=many", status: 200, body: `{"3":` + tea + `}`, want: "limit"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			request := httptest.NewRequest(test.method, test.path, http.NoBody)
			if test.request != "" {
				request.Header.Set("Content-Type", "application/json")
				request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(test.request)), nil }
			}
			response := &http.Response{StatusCode: test.status, Header: itemHeader(test.header)}
			err := docstest.Check(request, response, []byte(test.body))
			switch {
			case test.want == "" && err != nil:
				t.Errorf("got %v, want no error", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

// recorder is a test that records its failures.
type recorder struct {
	testing.TB

	failures []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

// TestTransport: a wrong response fails the test and still reaches the client.
func TestTransport(t *testing.T) {
	t.Parallel()
	wrong := strings.Replace(tea, "1.99", "-1", 1)
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), itemHeader(nil))
		body := tea
		if r.URL.Path == "/items/4" {
			body = wrong
		}
		_, _ = io.WriteString(w, body)
	}))
	defer ts.Close()
	for path, want := range map[string]struct{ body, failure string }{
		"/items/3": {tea, ""},
		"/items/4": {wrong, "price"},
	} {
		r := &recorder{TB: t}
		client := &http.Client{Transport: docstest.Transport(r, http.DefaultTransport)}
		response, err := client.Get(ts.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || string(body) != want.body {
			t.Errorf("%s: got %q, %v, want %q", path, body, err, want.body)
		}
		got := strings.Join(r.failures, "\n")
		if (got == "") != (want.failure == "") || !strings.Contains(got, want.failure) {
			t.Errorf("%s: the test failed with %q, want %q", path, got, want.failure)
		}
	}
}
