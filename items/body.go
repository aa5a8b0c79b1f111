package items

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// MaxBody is the largest request body that is read, in bytes.
const MaxBody = 64 << 10

// The media types of request bodies.
const (
	MediaJSON       = "application/json"
	MediaMergePatch = "application/merge-patch+json" // RFC 7396
)

// ErrBody says that the connection failed while the body was read.
var ErrBody = errors.New("the request body could not be read")

// MediaTypeError says that a body has a format or an encoding that the route does not accept.
type MediaTypeError struct {
	Got     string
	Accepts []string
}

// Error says what was sent and what to send.
func (e *MediaTypeError) Error() string {
	got := "without a Content-Type"
	if e.Got != "" {
		// A header may contain any bytes; a response is text.
		got = "as " + shorten(strings.ToValidUTF8(e.Got, "?"))
	}
	return fmt.Sprintf("the request body came %s; send it with Content-Type: %s", got, strings.Join(e.Accepts, " or "))
}

// ReadBody reads the request's body, which must be of one of the media types.
//
// The error is a *MediaTypeError, a *http.MaxBytesError, or an ErrBody.
func ReadBody(c *gin.Context, accepts ...string) ([]byte, error) {
	if err := checkMediaType(c.Request, accepts); err != nil {
		return nil, err
	}
	if c.Request.ContentLength > MaxBody {
		return nil, &http.MaxBytesError{Limit: MaxBody} // known before the first byte is read
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, MaxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrBody, err)
	}
	return body, nil
}

func checkMediaType(r *http.Request, accepts []string) error {
	// Joined as in RFC 9110 section 5.3, so that a second header of the same name counts.
	if coding := strings.Join(r.Header.Values("Content-Encoding"), ", "); coding != "" && !strings.EqualFold(coding, "identity") {
		return &MediaTypeError{Got: "Content-Encoding " + coding, Accepts: accepts}
	}
	sent := strings.Join(r.Header.Values("Content-Type"), ", ")
	if sent == "" && r.ContentLength == 0 {
		return nil // no body; the decoder reports that
	}
	media, params, err := mime.ParseMediaType(sent)
	// JSON is UTF-8 (RFC 8259 section 8.1); a client that announces another charset would be misread.
	if charset, set := params["charset"]; err == nil && (!set || strings.EqualFold(charset, "utf-8")) {
		if slices.Contains(accepts, media) {
			return nil
		}
	}
	return &MediaTypeError{Got: sent, Accepts: accepts}
}
