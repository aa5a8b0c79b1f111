package docstest_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"menu-api/docs/docstest"
)

// recorder is a test that only takes note of its failures.
type recorder struct {
	testing.TB

	failures []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

// TestTransport: a client with the transport fails its test for a wrong answer, and gets it all the same.
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
		"/items/4": {wrong, "at '/price'"},
	} {
		r := &recorder{TB: t}
		client := &http.Client{Transport: docstest.Transport(r, http.DefaultTransport)}
		request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, ts.URL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
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
