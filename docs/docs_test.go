package docs_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gin-gonic/gin"
	"go.yaml.in/yaml/v3"

	"menu-api/docs"
)

// get answers a request to the routes of this package.
func get(settings docs.Settings, path string, headers ...string) *httptest.ResponseRecorder {
	engine := gin.New()
	docs.NewModule(settings).Mount(engine)
	return getFrom(engine, path, headers...)
}

func getFrom(h http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, request)
	return recorder
}

// provider is an identity provider that answers the question for its metadata.
func provider(tb testing.TB, metadata func(issuer string) (status int, body string)) (issuer string, asked *atomic.Int64) {
	tb.Helper()
	asked = &atomic.Int64{}
	var ts *httptest.Server
	ts = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
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
	return ts.URL + "/realm/", asked
}

// flow is what the document says of signing in.
func flow(tb testing.TB, document []byte) (authorize, token, refresh string) {
	tb.Helper()
	var parsed struct {
		Components struct {
			SecuritySchemes struct {
				SignIn struct {
					Flows struct {
						AuthorizationCode struct{ AuthorizationURL, TokenURL, RefreshURL string }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(document, &parsed); err != nil {
		tb.Fatal(err)
	}
	f := parsed.Components.SecuritySchemes.SignIn.Flows.AuthorizationCode
	return f.AuthorizationURL, f.TokenURL, f.RefreshURL
}

// TestDocumentHasTheProvidersEndpoints: those that the provider tells or, where it tells none that are to be used, those
// that an Auth0 tenant has.
func TestDocumentHasTheProvidersEndpoints(t *testing.T) {
	t.Parallel()
	const told = `{"issuer":%q,"authorization_endpoint":"https://login.example.com/auth","token_endpoint":"https://login.example.com/token"}`
	for _, test := range []struct {
		name     string
		metadata func(issuer string) (int, string)
		told     bool
	}{
		{"metadata", func(issuer string) (int, string) { return 200, fmt.Sprintf(told, issuer) }, true},
		{"none", func(string) (int, string) { return 404, "" }, false},
		{"a redirect", func(issuer string) (int, string) { return 302, fmt.Sprintf(told, issuer) }, false},
		{"no JSON", func(string) (int, string) { return 200, "<html>" }, false},
		{"another issuer's", func(string) (int, string) { return 200, fmt.Sprintf(told, "https://evil.example.com/") }, false},
		{"a script", func(issuer string) (int, string) {
			return 200, strings.Replace(fmt.Sprintf(told, issuer), "https://login.example.com/auth", "javascript:alert(1)", 1)
		}, false},
		{"a second directive", func(issuer string) (int, string) {
			return 200, strings.Replace(fmt.Sprintf(told, issuer), "https://login.example.com/token", "https://a.example; script-src *", 1)
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			issuer, asked := provider(t, test.metadata)
			engine := gin.New()
			docs.NewModule(docs.Settings{Issuer: issuer}).Mount(engine)
			wantAuthorize, wantToken := issuer+"authorize", issuer+"oauth/token"
			if test.told {
				wantAuthorize, wantToken = "https://login.example.com/auth", "https://login.example.com/token"
			}
			for range 3 { // later answers must not ask again
				authorize, token, refresh := flow(t, getFrom(engine, "/openapi.json").Body.Bytes())
				if authorize != wantAuthorize || token != wantToken || refresh != wantToken {
					t.Errorf("got %s, %s, %s, want %s and twice %s", authorize, token, refresh, wantAuthorize, wantToken)
				}
			}
			origin := wantToken[:strings.Index(wantToken[8:], "/")+8]
			if got := getFrom(engine, "/docs").Header().Get("Content-Security-Policy"); !strings.Contains(got, "connect-src 'self' "+origin+";") {
				t.Errorf("got the policy %q, want that it lets the page connect to %s", got, origin)
			}
			if got := asked.Load(); got != 1 {
				t.Errorf("the provider was asked %d times, want once", got)
			}
		})
	}
}

// TestDocumentsAreTheSame: the JSON says what the YAML says, in the same order, and both can be kept.
func TestDocumentsAreTheSame(t *testing.T) {
	t.Parallel()
	asYAML, asJSON := get(docs.Settings{}, "/openapi.yaml"), get(docs.Settings{}, "/openapi.json")
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
	for path, answer := range map[string]*httptest.ResponseRecorder{"/openapi.yaml": asYAML, "/openapi.json": asJSON} {
		etag := answer.Header().Get("ETag")
		again := get(docs.Settings{}, path, "If-None-Match", `"other", W/`+etag)
		if etag == "" || again.Code != http.StatusNotModified || again.Body.Len() != 0 || again.Header().Get("ETag") != etag {
			t.Errorf("%s: got %d with %d bytes for the ETag %s, want 304 with none", path, again.Code, again.Body.Len(), etag)
		}
		if got := get(docs.Settings{Issuer: "https://tenant.invalid/"}, path, "If-None-Match", etag); got.Code != http.StatusOK {
			t.Errorf("%s: got %d with another provider, want 200", path, got.Code)
		}
	}
}

// TestPageNeedsNothingFromElsewhere: everything that the page loads is served beside it, and its policy allows no more.
func TestPageNeedsNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	settings := docs.Settings{Issuer: "https://tenant.invalid/", ClientID: "a</script>b", Audience: "https://menu.example.com"}
	for _, path := range []string{"/docs", "/docs/callback"} {
		page := get(settings, path)
		policy := page.Header().Get("Content-Security-Policy")
		if page.Code != http.StatusOK || !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'; ") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: got %d with the policy %q", path, page.Code, policy)
		}
		loaded := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page.Body.String(), -1)
		if len(loaded) == 0 {
			t.Errorf("%s loads nothing: %s", path, page.Body)
		}
		for _, m := range loaded {
			if asset := get(settings, m[1]); asset.Code != http.StatusOK || asset.Body.Len() == 0 {
				t.Errorf("%s: got %d with %d bytes", m[1], asset.Code, asset.Body.Len())
			}
		}
		if strings.Contains(page.Body.String(), settings.ClientID) {
			t.Errorf("%s: a setting ends the element that it stands in: %s", path, page.Body)
		}
	}
}

// TestAssetsAreCompressed for clients that take that, and for those alone.
func TestAssetsAreCompressed(t *testing.T) {
	t.Parallel()
	const path = "/docs/assets/swagger-ui-bundle.js"
	plain, zipped := get(docs.Settings{}, path), get(docs.Settings{}, path, "Accept-Encoding", "gzip, br")
	if got := zipped.Header().Get("Content-Encoding"); got != "gzip" {
		t.Errorf("got Content-Encoding %q, want gzip", got)
	}
	reader, err := gzip.NewReader(zipped.Body)
	if err != nil {
		t.Fatal(err)
	}
	unzipped, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(unzipped, plain.Body.Bytes()) || plain.Header().Get("Content-Encoding") != "" {
		t.Errorf("got %d bytes unzipped and %d plain, want the same", len(unzipped), plain.Body.Len())
	}
	if plain.Header().Get("ETag") == zipped.Header().Get("ETag") || plain.Header().Get("Vary") != "Accept-Encoding" {
		t.Errorf("got the ETags %s and %s, want two", plain.Header().Get("ETag"), zipped.Header().Get("ETag"))
	}
}
