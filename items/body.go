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

const (
	mediaJSON       = "application/json"
	mediaMergePatch = "application/merge-patch+json" // RFC 7396
)

// ErrBody says that the connection failed while the body was read.
var ErrBody = errors.New("the request body could not be read")

// MediaTypeError says that a body came in a format, or under an encoding, that the route does not take.
type MediaTypeError struct {
	Got     string
	Accepts []string
}

// Error says what came and what to send.
func (e *MediaTypeError) Error() string {
	got := "without a Content-Type"
	if e.Got != "" {
		// A header may hold any bytes; what goes into an answer is text.
		got = "as " + shorten(strings.ToValidUTF8(e.Got, "?"))
	}
	return fmt.Sprintf("the request body came %s; send it with Content-Type: %s", got, strings.Join(e.Accepts, " or "))
}

// readDraft reads the item in the request's body, which must be of one of the media types.
//
// The error is a *MediaTypeError, a *http.MaxBytesError, a *ValidationError, or an ErrBody.
func readDraft(c *gin.Context, accepts ...string) (*Draft, error) {
	body, err := readBody(c, accepts...)
	if err != nil {
		return nil, err
	}
	return parseDraft(body)
}

// readBody reads the request's body, with the errors of readDraft.
func readBody(c *gin.Context, accepts ...string) ([]byte, error) {
	if err := checkMediaType(c.Request, accepts); err != nil {
		return nil, err
	}
	if c.Request.ContentLength > MaxBody {
		return nil, &http.MaxBytesError{Limit: MaxBody} // judged by its announcement, before a byte of it is read
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
	// Joined as RFC 9110 section 5.3 has it, so that a second header of the same name is not overlooked.
	if coding := strings.Join(r.Header.Values("Content-Encoding"), ", "); coding != "" && !strings.EqualFold(coding, "identity") {
		return &MediaTypeError{Got: "Content-Encoding " + coding, Accepts: accepts}
	}
	sent := strings.Join(r.Header.Values("Content-Type"), ", ")
	if sent == "" && r.ContentLength == 0 {
		return nil // there is no body to have a type; that it is missing is said later
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
