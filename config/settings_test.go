package config

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite .env.example and the table in README.md from the table of settings")

// TestDocumentedSettings compares .env.example and the table in README.md with the table of settings.
func TestDocumentedSettings(t *testing.T) {
	t.Parallel()
	var example, readme strings.Builder
	readme.WriteString("| key | default | meaning |\n|---|---|---|\n")
	for _, s := range new(Config).settings(Serve) {
		example.WriteString("\n# " + wrap(s.doc) + "\n" + s.key + "=" + s.fallback + "\n")
		fallback := ""
		if s.fallback != "" {
			fallback = "`" + s.fallback + "`"
		}
		readme.WriteString("| `" + s.key + "` | " + fallback + " | " + s.doc + " |\n")
		if strings.ContainsAny(s.fallback, "\"'#") {
			t.Errorf("%s: docker --env-file would include the quotes or the comment in %q in the value", s.key, s.fallback)
		}
		if strings.ContainsAny(s.doc, "|\n") {
			t.Errorf("%s: %q does not fit into a cell of a table", s.key, s.doc)
		}
	}
	checkGenerated(t, "../.env.example", "\n\n", "", example.String()[1:])
	checkGenerated(t, "../README.md", "\n| key | default |", "\n\n", readme.String()[len("| key | default |"):])
}

// wrap breaks a comment into lines of at most 120 characters.
func wrap(text string) string {
	var lines strings.Builder
	width := 0
	for _, word := range strings.Fields(text) {
		switch width += 1 + len(word); {
		case width == 1+len(word):
		case width > 118:
			lines.WriteString("\n# ")
			width = len(word)
		default:
			lines.WriteByte(' ')
		}
		lines.WriteString(word)
	}
	return lines.String()
}

// checkGenerated compares the part of a file from the first start to the next end ("" is the end of the file). Both
// marks are outside the part.
func checkGenerated(t *testing.T, file, start, end, want string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := bytes.Cut(content, []byte(start))
	if !found {
		t.Fatalf("%s does not contain %q", file, start)
	}
	got, after := rest, []byte(nil)
	if end != "" {
		i := bytes.Index(rest, []byte(end))
		got, after = rest[:i+1], rest[i+1:]
	}
	if *update {
		content = bytes.Join([][]byte{before, []byte(start), []byte(want), after}, nil)
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(got) != want {
		t.Errorf("%s differs from the settings. Run `go test ./config -update`. Got\n%s\nwant\n%s", file, got, want)
	}
}
