package config

import (
	"flag"
	"strings"
	"testing"

	"menu-api/docs/docstest"
)

var update = flag.Bool("update", false, "rewrite .env.example and the table in docs/reference.md from the table of settings")

// TestDocumentedSettings compares .env.example and the table in docs/reference.md with the table of settings.
func TestDocumentedSettings(t *testing.T) {
	t.Parallel()
	var example, reference strings.Builder
	reference.WriteString("\n| key | default | meaning |\n|---|---|---|\n")
	for _, s := range new(Config).settings(Serve) {
		example.WriteString("\n# " + wrap(s.doc) + "\n" + s.key + "=" + s.fallback + "\n")
		fallback := ""
		if s.fallback != "" {
			fallback = "`" + s.fallback + "`"
		}
		reference.WriteString("| `" + s.key + "` | " + fallback + " | " + s.doc + " |\n")
		if strings.ContainsAny(s.fallback, "\"'#") {
			t.Errorf("%s: docker --env-file would include the quotes or the comment in %q in the value", s.key, s.fallback)
		}
		if strings.ContainsAny(s.doc, "|\n") {
			t.Errorf("%s: %q does not fit into a cell of a table", s.key, s.doc)
		}
	}
	docstest.CheckGenerated(t, *update, "../.env.example", "\n\n", "", example.String()[1:])
	docstest.CheckGenerated(t, *update, "../docs/reference.md",
		"\n<!-- Generated from config/settings.go: go test ./config -update -->\n", "<!-- End -->", reference.String()+"\n")
}

// wrap breaks a comment into lines of at most 120 characters.
func wrap(text string) string {
	var lines strings.Builder
	width := 0
	for word := range strings.FieldsSeq(text) {
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

// TestFreeText checks that text for people may contain quotes and #, and means the same in the environment and in .env.
func TestFreeText(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		raw         string
		environment string // what it means there
		file        string // what it means in .env; "" for an error
	}{
		"plain":                {"Bob's Diner", "Bob's Diner", "Bob's Diner"},
		"quoted":               {`"Bob's Diner"`, "Bob's Diner", "Bob's Diner"},
		"two pairs of quotes":  {`'"The" Diner'`, `"The" Diner`, `"The" Diner`},
		"a number sign":        {"#1 Diner", "#1 Diner", "#1 Diner"},
		"a space and #":        {"Diner #1", "Diner #1", ""},
		"a quoted space and #": {`"Diner #1"`, "Diner #1", "Diner #1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := literal(test.raw, false, true); err != nil || got != test.environment {
				t.Errorf("environment: got %q, %v, want %q", got, err, test.environment)
			}
			if got, err := literal(test.raw, true, true); (err != nil) != (test.file == "") || got != test.file {
				t.Errorf(".env: got %q, %v, want %q", got, err, test.file)
			}
		})
	}
}
