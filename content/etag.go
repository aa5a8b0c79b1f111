package content

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
)

// Tag returns a strong ETag (RFC 9110 section 8.8.3). It depends only on the bytes, so it is the same after a restart and on
// every replica.
func Tag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:15]) + `"`
}

// ErrTag says that a header is not a list of entity tags.
var ErrTag = errors.New("not a list of entity tags")

// MatchTag reports whether a list of entity tags (RFC 9110 section 8.8.3) contains the tag, or *. Lines are the values of
// an If-Match or If-None-Match header. A listed tag also counts if a compressing proxy, or this package, has
// weakened or extended it: "5-ab" to W/"5-ab", "5-ab-gzip" or "5-ab;br". See docs/adr/0022-etags-behind-proxies.md.
//
// Returns ErrTag if a line contains anything else than entity tags; the members before that count.
func MatchTag(lines []string, tag string) (matches bool, err error) {
	for _, line := range lines {
		for {
			line = strings.TrimLeft(line, " \t,")
			if line == "" {
				break
			}
			if rest, ok := strings.CutPrefix(line, "*"); ok {
				line, matches = rest, true
				continue
			}
			opaque, quoted := strings.CutPrefix(strings.TrimPrefix(line, "W/"), `"`)
			opaque, rest, closed := strings.Cut(opaque, `"`)
			if !quoted || !closed {
				return matches, ErrTag
			}
			matches = matches || isFormOf(opaque, strings.Trim(strings.TrimPrefix(tag, "W/"), `"`))
			line = rest
		}
	}
	return matches, nil
}

// isFormOf reports whether a proxy may have made the listed tag from the tag, both without quotes: it appends a separator
// and the name of a content coding. No other tag of ours begins with the tag and a separator.
func isFormOf(listed, tag string) bool {
	const separators, letters = "-;:+./~", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	extension, found := strings.CutPrefix(listed, tag)
	return found && (extension == "" || strings.Contains(separators, extension[:1]) && strings.Trim(extension, separators+letters) == "")
}
