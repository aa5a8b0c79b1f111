//go:build soak

package auth0_test

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// tenant is a fake of Auth0's Management API: it stores created objects, lists them, and records every call. It accepts
// everything; the test checks the calls.
type tenant struct {
	mu    sync.Mutex
	calls []call
	lists map[string][]map[string]any // created objects, by collection
}

type call struct {
	method, path string
	body         []byte
}

// collections are the paths that list created objects, with the name of the list in the response.
var collections = map[string]string{
	"/resource-servers": "resource_servers", "/clients": "clients", "/roles": "roles", "/actions/actions": "actions",
}

func (t *tenant) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/api/v2")
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls = append(t.calls, call{r.Method, path, body})

	collection, isCollection := collections[path]
	var result any = struct{}{}
	switch {
	case r.Method == http.MethodGet && isCollection:
		result = map[string]any{collection: append([]map[string]any{}, t.lists[path]...), "total": len(t.lists[path])}
	case r.Method == http.MethodPost && isCollection:
		created := map[string]any{}
		if err := json.Unmarshal(body, &created); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		created["id"] = fmt.Sprintf("%s_%d", collection, len(t.lists[path]))
		t.lists[path] = append(t.lists[path], created)
		result = created
		w.WriteHeader(http.StatusCreated)
	}
	if err := json.NewEncoder(w).Encode(result); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// bodies returns the request bodies with the method whose paths match the pattern.
func (t *tenant) bodies(tb testing.TB, method, pattern string) [][]byte {
	tb.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	var bodies [][]byte
	for _, c := range t.calls {
		if matches, err := filepath.Match(pattern, c.path); err != nil {
			tb.Fatal(err)
		} else if matches && c.method == method {
			bodies = append(bodies, c.body)
		}
	}
	return bodies
}

// mustStartTenant returns a tenant, its domain, and a file with the certificate to trust.
func mustStartTenant(tb testing.TB) (t *tenant, domain, certificate string) {
	tb.Helper()
	t = &tenant{lists: map[string][]map[string]any{}}
	server := httptest.NewTLSServer(t)
	tb.Cleanup(server.Close)
	certificate = filepath.Join(tb.TempDir(), "tenant.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(certificate, block, 0o600); err != nil {
		tb.Fatal(err)
	}
	return t, server.Listener.Addr().String(), certificate
}
