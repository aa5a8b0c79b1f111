package content_test

import (
	"errors"
	"testing"

	"menu-api/content"
)

// TestTagsFromProxies: a tag matches in every form that a compressing proxy gives it, and no other tag does.
func TestTagsFromProxies(t *testing.T) {
	t.Parallel()
	const tag = `"5-abcdefghij_-klmnopqr"`
	for _, test := range []struct {
		name, header string
		matches      bool
	}{
		{"the tag", `"5-abcdefghij_-klmnopqr"`, true},
		{"weakened by nginx and Cloudflare", `W/"5-abcdefghij_-klmnopqr"`, true},
		{"extended by Apache", `"5-abcdefghij_-klmnopqr-gzip"`, true},
		{"extended by Jetty", `"5-abcdefghij_-klmnopqr--gzip"`, true},
		{"extended with a semicolon", `"5-abcdefghij_-klmnopqr;br"`, true},
		{"extended by OpenLiteSpeed", `"5-abcdefghij_-klmnopqr;;;"`, true},
		{"extended with a slash", `"5-abcdefghij_-klmnopqr/zstd"`, true},
		{"weakened and extended", `W/"5-abcdefghij_-klmnopqr-deflate"`, true},
		{"extended twice", `"5-abcdefghij_-klmnopqr-gzip;br"`, true},
		{"extended with other characters", `"5-abcdefghij_-klmnopqr-\x00\xffgzip"`, false},
		{"extended without a separator", `"5-abcdefghij_-klmnopqr_gzip"`, false},
		{"one of several", `"x", ,	W/"5-abcdefghij_-klmnopqr"`, true},
		{"after one with a comma", `"a,b","5-abcdefghij_-klmnopqr"`, true},
		{"any", `*`, true},
		{"of another version", `W/"6-abcdefghij_-klmnopqr"`, false},
		{"of a longer version", `"15-abcdefghij_-klmnopqr"`, false},
		{"with another digest", `"5-abcdefghij_-klmnopqs-gzip"`, false},
		{"with a longer digest", `"5-abcdefghij_-klmnopqrs"`, false},
		{"cut off", `"5-abcdefghij"`, false},
		{"in another tag", `"x,5-abcdefghij_-klmnopqr"`, false},
		{"empty tag", `""`, false},
		{"nothing", ``, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, current := range []string{tag, "W/" + tag} {
				if got, err := content.MatchTag([]string{test.header}, current); got != test.matches || err != nil {
					t.Errorf("got %t, %v for %s, want %t", got, err, test.header, test.matches)
				}
			}
		})
	}
}

// TestMalformedTags: text that is not an entity tag is reported, and matches nothing.
func TestMalformedTags(t *testing.T) {
	t.Parallel()
	for _, header := range []string{`5-ab`, `'5-ab'`, `"5-ab`, `5-ab"`, `w/"5-ab"`, `\"5-ab\"`, `"x", 5-ab`, `W/5-ab`, `W/`, `5`} {
		if got, err := content.MatchTag([]string{header}, `"5-ab"`); got || !errors.Is(err, content.ErrTag) {
			t.Errorf("got %t, %v for %s, want ErrTag", got, err, header)
		}
	}
}
