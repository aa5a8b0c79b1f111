//go:build external

package test

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"menu-api/authz/authztest"
	"menu-api/items"
)

// TestETagsBehindProxies: conditional requests work behind proxies that compress. Each proxy removes Accept-Encoding, so it
// gets an uncompressed response and compresses it. TestETagsFromProxies has the forms of ETags that other proxies send.
func TestETagsBehindProxies(t *testing.T) {
	t.Parallel()
	issuer := authztest.NewIssuer(t)
	r := &replica{tenant: issuer, database: newFile(t), addr: mustFindAddr(t), settings: []string{"SEED_MENU=true"}}
	r.start(t)
	token := issuer.Token(t, items.Permissions()...)
	for name, proxy := range map[string]struct {
		start func(t *testing.T, upstream string) (url string)
		form  func(etag string) string // the tag that the proxy sends
	}{
		"nginx": {startNginx, func(etag string) string { return "W/" + etag }},
		"Caddy": {startCompressingCaddy, func(etag string) string { return etag }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			direct := proxied{url: r.api(), client: http.DefaultClient}
			behind := proxied{url: proxy.start(t, r.api()), client: http.DefaultClient}
			do := func(p proxied, method, path, body string, headers ...string) (status int, etag string) {
				t.Helper()
				header := http.Header{"Accept-Encoding": {"gzip"}}
				if method != http.MethodGet {
					header.Set("Authorization", "Bearer "+token)
					header.Set("Content-Type", "application/json")
				}
				for i := 0; i < len(headers); i += 2 {
					header.Set(headers[i], headers[i+1])
				}
				response := p.do(t.Context(), t, method, path, body, header)
				defer func() { _ = response.Body.Close() }()
				if _, err := io.Copy(io.Discard, response.Body); err != nil {
					t.Error(err)
				}
				if p == behind && method == http.MethodGet && response.StatusCode == 200 && response.Header.Get("Content-Encoding") != "gzip" {
					t.Errorf("got %s without compression", path)
				}
				return response.StatusCode, response.Header.Get("ETag")
			}
			path := direct.create(t, token)
			for _, path := range []string{path, "/items"} {
				var arrived, want string
				for range 50 { // the other proxies add items between the two requests
					_, sent := do(direct, "GET", path, "", "Accept-Encoding", "identity")
					_, arrived = do(behind, "GET", path, "")
					if want = proxy.form(sent); arrived == want {
						break
					}
				}
				if arrived != want {
					t.Errorf("%s: got the ETag %s through the proxy, want %s", path, arrived, want)
				}
				if status, _ := do(behind, "GET", path, "", "If-None-Match", arrived); status != 304 && path != "/items" { // others add items
					t.Errorf("%s with If-None-Match %s: got %d, want 304", path, arrived, status)
				}
			}
			_, first := do(behind, "GET", path, "")
			for _, write := range []struct{ method, body string }{
				{"PATCH", `{"price":1}`}, {"PUT", `{"name":"Stew","price":2,"description":"","image":""}`}, {"DELETE", ""},
			} {
				_, etag := do(behind, "GET", path, "")
				if status, _ := do(behind, write.method, path, write.body, "If-Match", etag); status != 200 {
					t.Errorf("%s with If-Match %s: got %d, want 200", write.method, etag, status)
				}
				want := 412
				if write.method == "DELETE" {
					want = 404
				}
				if status, _ := do(behind, write.method, path, write.body, "If-Match", first); status != want {
					t.Errorf("%s with a stale If-Match: got %d, want %d", write.method, status, want)
				}
			}
		})
	}
}

// startNginx starts the nginx of Debian, which weakens the ETag of what it compresses.
func startNginx(t *testing.T, upstream string) string {
	t.Helper()
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		nginx = "/usr/sbin/nginx"
	}
	dir, addr := t.TempDir(), mustFindAddr(t)
	config := `daemon off; pid nginx.pid; error_log stderr; worker_processes 1; master_process off;
events {}
http {
	access_log off; client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
	server {
		listen ` + addr + `;
		gzip on;
		gzip_types application/json;
		location / { proxy_pass ` + upstream + `; proxy_http_version 1.1; proxy_set_header Accept-Encoding ""; }
	}
}`
	must(t, os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(config), 0o600))
	startProcess(t, exec.Command(nginx, "-e", "stderr", "-p", dir, "-c", "nginx.conf")).mustBecomeReady(t, "http://"+addr+"/readyz")
	return "http://" + addr
}

// startCompressingCaddy starts Caddy 2.6, which does not change ETags.
func startCompressingCaddy(t *testing.T, upstream string) string {
	t.Helper()
	addr := mustFindAddr(t)
	config := filepath.Join(t.TempDir(), "Caddyfile")
	must(t, os.WriteFile(config, []byte(`{
	admin off
}
http://`+addr+` {
	encode {
		gzip
		minimum_length 1
	}
	reverse_proxy `+upstream+` {
		header_up -Accept-Encoding
	}
}
`), 0o600))
	cmd := exec.Command(findCaddy(t), "run", "--config", config, "--adapter", "caddyfile")
	cmd.Env = []string{"HOME=" + t.TempDir()}
	startProcess(t, cmd).mustBecomeReady(t, "http://"+addr+"/readyz")
	return "http://" + addr
}
