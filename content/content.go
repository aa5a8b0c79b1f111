// Package content has what HTTP responses with a body share: ETags, compressed copies, and the negotiation between them.
package content

import (
	"bytes"
	"cmp"
	"io/fs"
	"net/http"
	"path"
	"sync"

	"github.com/gin-gonic/gin"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// MaxSize is the size up to which a body is compressed, in bytes. A larger one is not cached, so each request would pay.
const MaxSize = 8 << 20

// minSize is the size from which compression pays off. A smaller body fits into one packet as it is.
const minSize = 1 << 10

// Content is a response body with its media type and ETag. Requests share it, and each compressed copy is made only once,
// when a client first asks for it. Do not use it for what depends on a token: the size of a compressed secret next to text
// that an attacker chooses gives the secret away.
type Content struct {
	// Status is the status of the response, 200 if it is 0.
	Status int

	mediaType    string
	etag         string
	cacheControl string
	codings      []string                 // that are offered, best first
	bodies       map[string]func() []byte // by content coding, "" for the body itself
}

const (
	// revalidate lets a cache keep a response. The cache asks again before each use.
	revalidate = "no-cache"
	// neverChanges is for a file whose name contains a hash of its content.
	neverChanges = "public, max-age=31536000, immutable"
)

// New returns a body with an ETag that depends only on its bytes.
func New(mediaType string, body []byte) *Content { return NewTagged(mediaType, Tag(body), body) }

// NewTagged returns a body with a strong ETag.
func NewTagged(mediaType, etag string, body []byte) *Content {
	c := &Content{
		mediaType: mediaType, etag: etag, cacheControl: revalidate,
		bodies: map[string]func() []byte{"": func() []byte { return body }},
	}
	if len(body) >= minSize && len(body) <= MaxSize {
		c.codings = []string{"zstd", "gzip"}
		c.bodies["zstd"] = sync.OnceValue(func() []byte { return bytes.Clone(zstdEncoder().EncodeAll(body, nil)) })
		c.bodies["gzip"] = sync.OnceValue(func() []byte { return zip(body) })
	}
	return c
}

// NewBuilt returns a file that the build has compressed: name.br and name.gz are next to it. The name contains a hash of the
// content, so it serves as the ETag. Each copy is read when a client first asks for it.
func NewBuilt(mediaType string, files fs.FS, name string) (*Content, error) {
	c := &Content{
		mediaType: mediaType, etag: `"` + path.Base(name) + `"`, cacheControl: neverChanges,
		codings: []string{"br", "gzip"}, bodies: map[string]func() []byte{},
	}
	for coding, extension := range map[string]string{"": "", "br": ".br", "gzip": ".gz"} {
		if _, err := fs.Stat(files, name+extension); err != nil {
			return nil, err
		}
		c.bodies[coding] = sync.OnceValue(func() []byte {
			body, err := fs.ReadFile(files, name+extension)
			if err != nil {
				panic(err) // the files are a part of this program
			}
			return body
		})
	}
	return c, nil
}

// ETag returns the ETag of the body without compression.
func (s *Content) ETag() string { return s.etag }

// Body returns the body without compression. It must not be modified.
func (s *Content) Body() []byte { return s.bodies[""]() }

// Size returns how much memory the content takes, in bytes. The compressed copies together are about as large as the body.
func (s *Content) Size() int { return len(s.Body()) * min(2, len(s.bodies)) }

// Serve responds to a GET or HEAD with the coding that the client prefers, or with 304 if the client already has the content
// (RFC 9110 section 15.4.5). Each coding has its ETag, and all of them match the ETag of the body.
func (s *Content) Serve(c *gin.Context) {
	status := cmp.Or(s.Status, http.StatusOK)
	coding, etag := "", s.etag
	if len(s.codings) > 0 {
		c.Writer.Header().Add("Vary", "Accept-Encoding")
		coding = Negotiate(c.Request.Header.Values("Accept-Encoding"), s.codings...)
	}
	if coding != "" {
		etag = etag[:len(etag)-1] + "-" + coding + `"`
	}
	c.Header("ETag", etag)
	c.Header("Cache-Control", s.cacheControl)
	if unchanged, _ := MatchTag(c.Request.Header.Values("If-None-Match"), s.etag); unchanged && status == http.StatusOK {
		c.Status(http.StatusNotModified)
		return
	}
	if coding != "" {
		c.Header("Content-Encoding", coding)
	}
	c.Data(status, s.mediaType, s.bodies[coding]())
}

// zstdEncoder is shared by all bodies. A window of 1 MiB takes little memory, and every client supports it (RFC 9659).
var zstdEncoder = sync.OnceValue(func() *zstd.Encoder {
	encoder, err := zstd.NewWriter(nil, zstd.WithWindowSize(1<<20))
	if err != nil {
		panic(err) // an option is not valid
	}
	return encoder
})

var zipWriters = sync.Pool{New: func() any {
	writer, err := gzip.NewWriterLevel(nil, gzip.BestSpeed) // half the time of the default, for 10 % more bytes
	if err != nil {
		panic(err) // the level is not valid
	}
	return writer
}}

func zip(body []byte) []byte {
	var zipped bytes.Buffer
	writer := zipWriters.Get().(*gzip.Writer) //nolint:forcetypeassert // nothing else is put in
	defer zipWriters.Put(writer)
	writer.Reset(&zipped)
	_, _ = writer.Write(body) // a buffer accepts everything
	_ = writer.Close()
	return bytes.Clone(zipped.Bytes())
}
