package content_test

import (
	"strings"
	"testing"

	"menu-api/content"
)

// TestAcceptEncoding: the response has the coding that the client prefers, and never one that the client rejects.
func TestAcceptEncoding(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		header []string
		want   string
	}{
		{"no header", nil, ""},
		{"empty header", []string{""}, ""},
		{"curl --compressed", []string{"deflate, gzip, br, zstd"}, "zstd"},
		{"Safari", []string{"gzip, deflate, br"}, "gzip"},
		{"an unknown coding", []string{"deflate, compress, my-gzip, gzipped"}, ""},
		{"upper case", []string{"GZIP"}, "gzip"},
		{"no space", []string{"deflate,gzip;q=1.0,*;q=0.5"}, "gzip"},
		{"a higher weight", []string{"zstd;q=0.8, gzip;q=0.9"}, "gzip"},
		{"weight 0", []string{"gzip;q=0"}, ""},
		{"weight 0.000", []string{"gzip ; Q = 0.000 , br"}, ""},
		{"weight 0 and any other", []string{"gzip;q=0, *"}, "zstd"},
		{"all but one", []string{"*, zstd;q=0"}, "gzip"},
		{"any", []string{"*"}, "zstd"},
		{"none", []string{"*;q=0"}, ""},
		{"identity", []string{"identity"}, ""},
		{"identity preferred", []string{"gzip;q=0.5, identity"}, ""},
		{"identity preferred to any", []string{"identity;q=0.5, *;q=0.1"}, ""},
		{"identity not preferred", []string{"identity;q=0.5, gzip;q=0.8, zstd;q=0.2"}, "gzip"},
		{"identity no less than another", []string{"gzip, identity"}, "gzip"},
		{"identity rejected", []string{"identity;q=0, gzip;q=0.1"}, "gzip"},
		{"identity rejected with any", []string{"gzip;q=0.1, *;q=0"}, "gzip"},
		{"two lines", []string{"br", "gzip"}, "gzip"},
		{"a weight that is not valid", []string{"gzip;q=high, zstd;q=NaN, *;q=-1"}, ""},
		{"a weight over 1", []string{"gzip;q=5"}, ""},
		{"another parameter", []string{"gzip;level=9"}, ""},
		{"only separators", []string{",;,=,q"}, ""},
		{"54 KB", []string{strings.Repeat("gzip, ", 9000)}, ""},
		{"54 KB in lines", strings.Split(strings.Repeat("gzip, \n", 9000), "\n"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := content.Negotiate(test.header, "zstd", "gzip"); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func BenchmarkNegotiate(b *testing.B) {
	for name, header := range map[string]string{
		"browser": "gzip, deflate, br, zstd", "1 KB": strings.Repeat("a;q=1,", 170), "54 KB": strings.Repeat("a;q=1,", 9000),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				content.Negotiate([]string{header}, "br", "zstd", "gzip")
			}
		})
	}
}
