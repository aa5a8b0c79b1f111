package docs_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gin-gonic/gin"
	"go.yaml.in/yaml/v3"

	"menu-api/docs"
)

func newHandler(settings docs.Settings) http.Handler {
	engine := gin.New()
	docs.NewModule(settings).Mount(engine)
	return engine
}

func get(h http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, request)
	return recorder
}

// startProvider returns the issuer of an identity provider with the metadata, and the number of requests to it.
func startProvider(tb testing.TB, metadata func(issuer string) (status int, body string)) (issuer string, requests *atomic.Int64) {
	tb.Helper()
	requests = &atomic.Int64{}
	var ts *httptest.Server
	ts = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if r.URL.Path != "/realm/.well-known/openid-configuration" {
			http.NotFound(w, r)
			return
		}
		status, body := metadata(ts.URL + "/realm/")
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	tb.Cleanup(ts.Close)
	return ts.URL + "/realm/", requests
}

// endpointsIn returns the authorization, token and refresh URLs in the YAML document.
func endpointsIn(document *httptest.ResponseRecorder) (endpoints []string) {
	for _, m := range regexp.MustCompile(`(?m)^ +(?:authorization|token|refresh)Url: (.*)$`).FindAllStringSubmatch(document.Body.String(), -1) {
		endpoints = append(endpoints, m[1])
	}
	return endpoints
}

// TestEndpoints: the document and the page's policy have the endpoints in the provider's metadata. If the metadata is
// missing or invalid, they have those of an Auth0 tenant.
func TestEndpoints(t *testing.T) {
	t.Parallel()
	const valid = `{"issuer":%q,"authorization_endpoint":"https://login.example.com/auth","token_endpoint":"https://login.example.com/token"}`
	for _, test := range []struct {
		name     string
		metadata func(issuer string) (int, string)
		isValid  bool
	}{
		{"valid metadata", func(issuer string) (int, string) { return 200, fmt.Sprintf(valid, issuer) }, true},
		{"no metadata", func(string) (int, string) { return 404, "" }, false},
		{"redirect", func(issuer string) (int, string) { return 302, fmt.Sprintf(valid, issuer) }, false},
		{"not JSON", func(string) (int, string) { return 200, "<html>" }, false},
		{"another issuer", func(string) (int, string) { return 200, fmt.Sprintf(valid, "https://evil.example.com/") }, false},
		{"script", func(issuer string) (int, string) {
			return 200, strings.Replace(fmt.Sprintf(valid, issuer), "https://login.example.com/auth", "javascript:alert(1)", 1)
		}, false},
		{"second directive", func(issuer string) (int, string) {
			return 200, strings.Replace(fmt.Sprintf(valid, issuer), "https://login.example.com/token", "https://a.example; script-src *", 1)
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			issuer, requests := startProvider(t, test.metadata)
			h := newHandler(docs.Settings{Issuer: issuer})
			wantAuthorize, wantToken := issuer+"authorize", issuer+"oauth/token"
			if test.isValid {
				wantAuthorize, wantToken = "https://login.example.com/auth", "https://login.example.com/token"
			}
			for range 3 {
				want := []string{wantAuthorize, wantToken, wantToken}
				if got := endpointsIn(get(h, "/openapi.yaml")); !slices.Equal(got, want) {
					t.Errorf("got %q, want %q", got, want)
				}
			}
			origin := wantToken[:strings.Index(wantToken[8:], "/")+8]
			if got := get(h, "/docs").Header().Get("Content-Security-Policy"); !strings.Contains(got, "connect-src 'self' "+origin+";") {
				t.Errorf("got the policy %q, want it to allow connections to %s", got, origin)
			}
			if got := requests.Load(); got != 1 {
				t.Errorf("got %d requests to the provider, want 1", got)
			}
		})
	}
}

// TestSlowProvider: a client that disconnects does not wait for the provider, and does not cancel the call for others.
func TestSlowProvider(t *testing.T) {
	t.Parallel()
	called, respond := make(chan struct{}), make(chan struct{})
	issuer, requests := startProvider(t, func(issuer string) (int, string) {
		close(called)
		<-respond
		return 200, fmt.Sprintf(`{"issuer":%q,"authorization_endpoint":"https://a.example/a","token_endpoint":"https://a.example/t"}`, issuer)
	})
	h := newHandler(docs.Settings{Issuer: issuer})
	ctx, disconnect := context.WithCancel(t.Context())
	go func() { <-called; disconnect() }()
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, httptest.NewRequestWithContext(ctx, http.MethodGet, "/openapi.yaml", http.NoBody))
	if got := endpointsIn(recorder); !slices.Contains(got, issuer+"oauth/token") {
		t.Errorf("disconnected client: got %q, want the default token endpoint", got)
	}
	close(respond)
	if got := endpointsIn(get(h, "/openapi.yaml")); !slices.Contains(got, "https://a.example/t") {
		t.Errorf("next client: got %q, want the token endpoint in the metadata", got)
	}
	if got := requests.Load(); got != 1 {
		t.Errorf("got %d requests to the provider, want 1", got)
	}
}

// TestFormats: the JSON has the same content as the YAML, in the same order, and both can be cached.
func TestFormats(t *testing.T) {
	t.Parallel()
	h, other := newHandler(docs.Settings{}), newHandler(docs.Settings{Issuer: "https://tenant.invalid/"})
	asYAML, asJSON := get(h, "/openapi.yaml"), get(h, "/openapi.json")
	var fromYAML, fromJSON any
	if err := yaml.Unmarshal(asYAML.Body.Bytes(), &fromYAML); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(asJSON.Body.Bytes(), &fromJSON); err != nil { // JSON is YAML
		t.Fatal(err)
	}
	if !reflect.DeepEqual(fromYAML, fromJSON) {
		t.Errorf("the two documents differ")
	}
	if got := asJSON.Body.String(); !strings.HasPrefix(got, `{"openapi":"3.1`) || strings.Index(got, `"/items/{id}"`) > strings.Index(got, `"/api/menu/items"`) {
		t.Errorf("got %.100s, want the order of the YAML", got)
	}
	for path, response := range map[string]*httptest.ResponseRecorder{"/openapi.yaml": asYAML, "/openapi.json": asJSON} {
		etag := response.Header().Get("ETag")
		again := get(h, path, "If-None-Match", `"other", W/`+etag)
		if etag == "" || again.Code != http.StatusNotModified || again.Body.Len() != 0 || again.Header().Get("ETag") != etag {
			t.Errorf("%s: got %d with %d bytes for the ETag %s, want 304 with none", path, again.Code, again.Body.Len(), etag)
		}
		if got := get(other, path, "If-None-Match", etag); got.Code != http.StatusOK {
			t.Errorf("%s: got %d with another provider, want 200", path, got.Code)
		}
	}
}

// TestPageIsSelfContained: the server serves everything that the page loads, and the page's policy allows nothing more.
func TestPageIsSelfContained(t *testing.T) {
	t.Parallel()
	settings := docs.Settings{Issuer: "https://tenant.invalid/", ClientID: "a</script>b", Audience: "https://menu.example.com"}
	h := newHandler(settings)
	for _, path := range []string{"/docs", "/docs/callback"} {
		page := get(h, path)
		policy := page.Header().Get("Content-Security-Policy")
		if page.Code != http.StatusOK || !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'; ") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: got %d with the policy %q", path, page.Code, policy)
		}
		loaded := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page.Body.String(), -1)
		if len(loaded) == 0 {
			t.Errorf("%s loads nothing: %s", path, page.Body)
		}
		for _, m := range loaded {
			if asset := get(h, m[1]); asset.Code != http.StatusOK || asset.Body.Len() == 0 {
				t.Errorf("%s: got %d with %d bytes", m[1], asset.Code, asset.Body.Len())
			}
		}
		if strings.Contains(page.Body.String(), settings.ClientID) {
			t.Errorf("%s: a setting ends the script element: %s", path, page.Body)
		}
	}
}
