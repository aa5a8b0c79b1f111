package server_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"menu-api/docs/docstest"
	"menu-api/items"
)

// attempt is a request drawn from the document, and the owner of its token.
type attempt struct {
	docstest.Request
	as string
}

func attempts() *rapid.Generator[attempt] {
	operations := slices.DeleteFunc(docstest.Operations(), func(op docstest.Operation) bool {
		return op.OperationId == "streamItemEvents" // the stream has no end
	})
	return rapid.Custom(func(t *rapid.T) attempt {
		op := operations[rapid.IntRange(0, len(operations)-1).Draw(t, "operation")]
		as := rapid.SampledFrom([]string{"admin", "admin", "admin", "admin", "nobody", "expired", "garbage", "basic", "none"}).Draw(t, "as")
		return attempt{docstest.Draw(t, op), as}
	})
}

// documentChecker compares an API with the document.
type documentChecker struct {
	handler  http.Handler
	tokens   map[string]string
	statuses map[int]int // the number of responses with each
}

func newDocumentChecker(tb testing.TB) *documentChecker {
	tb.Helper()
	a, options := newParts(tb)
	s := newServer(tb, options)
	return &documentChecker{s.Handler(), map[string]string{
		"admin":   "Bearer " + a.issuer.Token(tb, items.Permissions()...),
		"nobody":  "Bearer " + a.issuer.Token(tb),
		"expired": "Bearer " + a.issuer.TokenWith(tb, items.Permissions(), map[string]any{"exp": 1}),
		"garbage": "Bearer garbage",
		"basic":   "Basic YWRtaW46YWRtaW4=",
	}, map[int]int{}}
}

// check sends a request drawn from the document, valid or not. The response has to be as the document says, and the API has to
// accept exactly the requests that the document allows.
func (d *documentChecker) check(t interface{ Fatalf(string, ...any) }, a attempt) {
	op := a.Operation
	request := httptest.NewRequest(op.Method, a.Target, bytes.NewReader(a.Body))
	for name, value := range a.Header {
		request.Header.Set(name, value)
	}
	if token := d.tokens[a.as]; token != "" {
		request.Header.Set("Authorization", token)
	}
	recorder := httptest.NewRecorder()
	d.handler.ServeHTTP(recorder, request)
	status := recorder.Code
	d.statuses[status]++

	body := recorder.Body.Bytes()
	if op.Method == http.MethodHead {
		body = nil // net/http sends no body
	}
	fail := func(why any) {
		t.Fatalf("%v\n%s %s %v %.500q as %s: %d %.500s", why, op.Method, a.Target, a.Header, a.Body, a.as, status, recorder.Body)
	}
	if err := docstest.Check(request, recorder.Result(), body); err != nil {
		fail(err)
	}
	scopes, guarded := op.Scopes()
	mayWrite := !guarded || a.as == "admin"
	switch {
	case status >= http.StatusInternalServerError:
		fail("the API failed")
	case guarded && a.as != "admin" && a.as != "nobody" && status != http.StatusUnauthorized,
		len(scopes) > 0 && a.as == "nobody" && status != http.StatusForbidden:
		fail("the operation needs a token, and the API did not require it")
	case a.BodyInvalid && status < http.StatusBadRequest:
		fail("the document does not allow this body, and the API accepted it")
	case a.Valid && mayWrite && slices.Contains([]int{400, 401, 403, 413, 415}, status):
		fail("the document allows this request, and the API rejected it")
	}
}

func TestRequestsOfDocument(t *testing.T) {
	t.Parallel()
	d, all := newDocumentChecker(t), attempts()
	rapid.Check(t, func(t *rapid.T) { d.check(t, all.Draw(t, "attempt")) })
	for _, status := range []int{200, 400, 401, 404} {
		if d.statuses[status] == 0 {
			t.Errorf("got the statuses %v, want also %d: too few requests were tried", d.statuses, status)
		}
	}
}

func FuzzRequestsOfDocument(f *testing.F) {
	d, all := newDocumentChecker(f), attempts()
	f.Add(1)
	f.Fuzz(func(t *testing.T, seed int) { d.check(t, all.Example(seed)) })
}
