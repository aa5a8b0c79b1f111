package dashboard

import (
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"menu-api/content"
)

// asset is a built file whose name contains a hash of its content, so it never changes. The build compresses it in advance:
// beside the file itself there is one that ends in .br and one that ends in .gz.
type asset struct {
	built       fs.FS
	name        string
	contentType string
	sizes       map[string]int64 // by content coding
}

var extensions = map[string]string{"br": ".br", "gzip": ".gz", "": ""}

// contentTypes is fixed, because the types that the mime package knows depend on the machine.
var contentTypes = map[string]string{
	".js":  "text/javascript; charset=utf-8",
	".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml",
}

// readAssets returns the assets of a build. It returns an error if a compressed form or a content type is missing.
func readAssets(built fs.FS) ([]asset, error) {
	compressed, err := fs.Glob(built, "assets/*.gz")
	if err != nil {
		return nil, err
	}
	assets := make([]asset, 0, len(compressed))
	for _, file := range compressed {
		name := strings.TrimSuffix(file, ".gz")
		a := asset{built, name, contentTypes[path.Ext(name)], map[string]int64{}}
		if a.contentType == "" {
			return nil, fmt.Errorf("dashboard: %s has an unknown content type", name)
		}
		for coding, extension := range extensions {
			info, err := fs.Stat(built, name+extension)
			if err != nil {
				return nil, err
			}
			a.sizes[coding] = info.Size()
		}
		assets = append(assets, a)
	}
	return assets, nil
}

func (a asset) serve(c *gin.Context) {
	coding := content.Negotiate(c.Request.Header.Values("Accept-Encoding"), "br", "gzip")
	c.Header("Cache-Control", "public, max-age=31536000, immutable")
	c.Header("Content-Type", a.contentType)
	c.Header("ETag", `"`+path.Base(a.name)+"-"+coding+`"`)
	c.Writer.Header().Add("Vary", "Accept-Encoding")
	if coding != "" {
		c.Header("Content-Encoding", coding)
		c.Header("Content-Length", strconv.FormatInt(a.sizes[coding], 10)) // net/http leaves it out of encoded responses
	}
	http.ServeFileFS(c.Writer, c.Request, a.built, a.name+extensions[coding])
}
