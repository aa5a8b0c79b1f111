package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
)

// asset is a file whose name holds a digest of its content, so that it never changes. The binary has it compressed
// alone; for a client that takes no compression it is unpacked.
type asset struct {
	path        string
	contentType string
	brotli      []byte
	gzip        []byte
	digest      string
}

// readAssets returns the assets of a build: for each a file that ends in .br and one that ends in .gz.
func readAssets(built fs.FS) ([]asset, error) {
	packed, err := fs.Glob(built, "assets/*.gz")
	if err != nil {
		return nil, err
	}
	assets := make([]asset, 0, len(packed))
	for _, file := range packed {
		name := strings.TrimSuffix(file, ".gz")
		a := asset{path: "/" + name, contentType: contentTypes[path.Ext(name)]}
		if a.contentType == "" {
			return nil, fmt.Errorf("dashboard: nobody said what type %s has", name)
		}
		var brotliErr, gzipErr error
		a.brotli, brotliErr = fs.ReadFile(built, name+".br")
		a.gzip, gzipErr = fs.ReadFile(built, file)
		if err := errors.Join(brotliErr, gzipErr); err != nil {
			return nil, err
		}
		sum := sha256.Sum256(a.gzip)
		a.digest = base64.RawURLEncoding.EncodeToString(sum[:15])
		assets = append(assets, a)
	}
	return assets, nil
}

// contentTypes are fixed: what the mime package says depends on the machine.
var contentTypes = map[string]string{
	".js":  "text/javascript; charset=utf-8",
	".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml",
}

func (a asset) serve(c *gin.Context) {
	coding := choose(c.Request.Header.Values("Accept-Encoding"), "br", "gzip")
	etag := `"` + a.digest + coding + `"`
	c.Header("Cache-Control", "public, max-age=31536000, immutable")
	c.Header("ETag", etag)
	c.Writer.Header().Add("Vary", "Accept-Encoding")
	if matches(c.Request, etag) {
		c.Status(http.StatusNotModified)
		return
	}
	body := a.gzip
	switch coding {
	case "br":
		c.Header("Content-Encoding", "br")
		body = a.brotli
	case "gzip":
		c.Header("Content-Encoding", "gzip")
	default:
		var err error
		if body, err = unpack(a.gzip); err != nil {
			c.Status(http.StatusInternalServerError)
			_ = c.Error(err)
			c.Abort()
			return
		}
	}
	c.Header("Content-Length", strconv.Itoa(len(body)))
	c.Data(http.StatusOK, a.contentType, body)
}

func unpack(packed []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// matches reports whether the client has what the tag stands for (RFC 9110 section 13.1.2).
func matches(r *http.Request, etag string) bool {
	for _, line := range r.Header.Values("If-None-Match") {
		for candidate := range strings.SplitSeq(line, ",") {
			candidate = strings.TrimSpace(candidate)
			if candidate == "*" || strings.TrimPrefix(candidate, "W/") == strings.TrimPrefix(etag, "W/") {
				return true
			}
		}
	}
	return false
}

// choose returns the first of the codings that an Accept-Encoding header takes (RFC 9110 section 12.5.3), or "". What a
// client likes best is not asked: browsers like all alike, and the first is the smallest.
func choose(header []string, codings ...string) string {
	accepted := map[string]bool{}
	for entry := range strings.SplitSeq(strings.Join(header, ","), ",") {
		coding, params, err := mime.ParseMediaType(entry)
		if err != nil {
			continue
		}
		weight, err := strconv.ParseFloat(params["q"], 64)
		accepted[coding] = params["q"] == "" || err == nil && weight > 0
	}
	for _, coding := range codings {
		if taken, named := accepted[coding]; taken || !named && accepted["*"] {
			return coding
		}
	}
	return ""
}
