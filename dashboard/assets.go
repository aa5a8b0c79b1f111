package dashboard

import (
	"bytes"
	"compress/gzip"
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
// alone, by two codings; for a client that takes neither it is unpacked. It is read when somebody asks for it: a copy of
// all of them would take more memory than the menu.
type asset struct {
	built       fs.FS
	name        string
	contentType string
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
		a := asset{built, name, contentTypes[path.Ext(name)]}
		if a.contentType == "" {
			return nil, fmt.Errorf("dashboard: nobody said what type %s has", name)
		}
		if _, err := fs.Stat(built, name+".br"); err != nil {
			return nil, err
		}
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
	etag := `"` + path.Base(a.name) + "-" + coding + `"`
	c.Header("Cache-Control", "public, max-age=31536000, immutable")
	c.Header("ETag", etag)
	c.Writer.Header().Add("Vary", "Accept-Encoding")
	if matches(c.Request, etag) {
		c.Status(http.StatusNotModified)
		return
	}
	body, err := a.read(coding)
	if err != nil {
		c.Status(http.StatusInternalServerError)
		_ = c.Error(err)
		c.Abort()
		return
	}
	if coding != "" {
		c.Header("Content-Encoding", coding)
	}
	c.Header("Content-Length", strconv.Itoa(len(body)))
	c.Data(http.StatusOK, a.contentType, body)
}

// read returns the file in the coding, br, gzip or "".
func (a asset) read(coding string) ([]byte, error) {
	if coding == "br" {
		return fs.ReadFile(a.built, a.name+".br")
	}
	packed, err := fs.ReadFile(a.built, a.name+".gz")
	if err != nil || coding == "gzip" {
		return packed, err
	}
	return unpack(packed)
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
