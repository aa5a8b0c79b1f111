package content_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"menu-api/content"
)

func init() { gin.SetMode(gin.ReleaseMode) }

// recorder keeps the last body that was written, not a copy of it.
type recorder struct {
	*httptest.ResponseRecorder
	body []byte
}

func (r *recorder) Write(p []byte) (int, error) {
	r.body = p
	return r.ResponseRecorder.Write(p)
}

func get(c *content.Content, headers ...string) *recorder {
	request := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	engine := gin.New()
	engine.GET("/", c.Serve)
	w := &recorder{ResponseRecorder: httptest.NewRecorder()}
	engine.ServeHTTP(w, request)
	return w
}

// TestCompressedOnce: all requests for a coding share one compressed copy.
func TestCompressedOnce(t *testing.T) {
	t.Parallel()
	page := content.New("text/plain", []byte(strings.Repeat("menu ", 1000)))
	for _, coding := range []string{"gzip", "zstd", ""} {
		first, second := get(page, "Accept-Encoding", coding), get(page, "Accept-Encoding", coding)
		if got := first.Header().Get("Content-Encoding"); got != coding {
			t.Errorf("got Content-Encoding %q, want %q", got, coding)
		}
		if len(first.body) == 0 || len(first.body) != len(second.body) || &first.body[0] != &second.body[0] {
			t.Errorf("%q: two requests got two copies of the body", coding)
		}
	}
}

// TestSizes: bodies are compressed unless they are small or very large.
func TestSizes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		size int
		want string
	}{
		"empty": {0, ""}, "one packet": {1023, ""}, "more": {1024, "gzip"}, "largest": {content.MaxSize, "gzip"}, "not cached": {content.MaxSize + 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := content.New("text/plain", make([]byte, test.size))
			got := get(page, "Accept-Encoding", "gzip")
			if coding := got.Header().Get("Content-Encoding"); coding != test.want {
				t.Errorf("got Content-Encoding %q, want %q", coding, test.want)
			}
			if varies := got.Header().Get("Vary") != ""; varies != (test.want != "") {
				t.Errorf("got Vary %q for Content-Encoding %q", got.Header().Get("Vary"), test.want)
			}
		})
	}
}

// TestStatus: only a response with status 200 is replaced by a 304.
func TestStatus(t *testing.T) {
	t.Parallel()
	page := content.New("text/plain", []byte("menu"))
	page.Status = http.StatusNotFound
	if got := get(page, "If-None-Match", page.ETag()); got.Code != http.StatusNotFound {
		t.Errorf("got %d, want 404", got.Code)
	}
}
