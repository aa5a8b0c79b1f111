package docs_test

import (
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

var (
	fence = regexp.MustCompile("(?ms)^ *```(\\w*)\n(.*?)^ *```")
	// A link's text, which can be code, and its target.
	link    = regexp.MustCompile(`\[(?:\x60([^\x60\]]*)\x60|[^\]]*)\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	// A path of this repository in code, such as `items/module.go`.
	codePath = regexp.MustCompile("`((?:[a-z][\\w.-]*/)+[\\w.-]+\\.(?:go|md|yaml|json|js|sql))`")
	// A line that marks omitted lines of a snippet.
	ellipsis = regexp.MustCompile(`(?m)^\s*(?://)? ?…\s*$`)
)

// TestMarkdown checks every document: the files and headings that it links to exist, a Go file that is linked under a
// name declares the name, and a Go snippet is in the file that is linked before it.
func TestMarkdown(t *testing.T) {
	t.Parallel()
	documents := mustFindDocuments(t)
	for _, document := range documents {
		t.Run(document, func(t *testing.T) {
			t.Parallel()
			text := mustReadText(t, document)
			for _, problem := range append(wrongLinks(document, text), wrongSnippets(document, text)...) {
				t.Error(problem)
			}
		})
	}

	// README.md has a link to every document.
	linked := map[string]bool{}
	for _, m := range link.FindAllStringSubmatch(mustReadText(t, "README.md"), -1) {
		linked[m[2]] = true
	}
	for _, document := range documents {
		if strings.HasPrefix(document, "docs/") && !strings.HasPrefix(document, "docs/adr/") && !linked[document] {
			t.Errorf("README.md has no link to %s", document)
		}
	}
}

// TestDecisions: each record in docs/adr is in the index, has a date and the three parts, and is short.
func TestDecisions(t *testing.T) {
	t.Parallel()
	const folder = "docs/adr/"
	index := mustReadText(t, folder+"README.md")
	for _, document := range mustFindDocuments(t) {
		name, isDecision := strings.CutPrefix(document, folder)
		if !isDecision || name == "README.md" {
			continue
		}
		text := mustReadText(t, document)
		title, rest, _ := strings.Cut(strings.TrimPrefix(text, "# "), "\n")
		number, title, _ := strings.Cut(title, ". ")
		date := regexp.MustCompile(`^\n\*(\d{4}-\d\d-\d\d)[*.]`).FindStringSubmatch(rest)
		if date == nil {
			t.Errorf("%s has no date below its title", name)
			continue
		}
		if row := "| " + number + " | [" + title + "](" + name + ") | " + date[1] + " |\n"; !strings.Contains(index, row) {
			t.Errorf("the index has no row\n%s", row)
		}
		for _, part := range []string{"**Context.**", "**Decision.**", "**Consequences.**"} {
			if !strings.Contains(text, "\n"+part+" ") {
				t.Errorf("%s has no %s", name, part)
			}
		}
		if words := len(strings.Fields(text)); words > 250 {
			t.Errorf("%s has %d words, want at most 250", name, words)
		}
	}
}

// TestMarkdownChecks: the checks of TestMarkdown find mistakes.
func TestMarkdownChecks(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ text, want string }{
		"valid page":           {"# A\n[A](#a), [code](docs.go), [`Guard`](../authz/guard.go), [`Guard.Authenticate`](../authz/guard.go)\n```go\n// …\ntype Guard struct {\n```\n", ""},
		"file":                 {"[x](nowhere.md)", "nowhere.md"},
		"heading":              {"# A b\n[x](#a-c)", "#a-c"},
		"heading elsewhere":    {"[x](../README.md#no-such-heading)", "#no-such-heading"},
		"name":                 {"[`Gard`](../authz/guard.go)", "Gard"},
		"method":               {"[`Guard.Admit`](../authz/guard.go)", "Guard.Admit"},
		"path in code":         {"see `items/nowhere.go`", "items/nowhere.go"},
		"snippet":              {"[x](../authz/guard.go)\n```go\ntype Gard struct {\n```\n", "type Gard struct"},
		"snippet without file": {"```go\ntype Guard struct {\n```\n", "no link to a Go file"},
		"empty snippet":        {"[x](../authz/guard.go)\n```go\n// …\n```\n", "is empty"},
		"lines out of order": {"[x](docs.go)\n```go\n// NewModule returns the document and the page for an identity provider.\n" +
			"// …\n// Module holds the routes of this package.\n```\n", "Module holds"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := strings.Join(append(wrongLinks("docs/x.md", test.text), wrongSnippets("docs/x.md", test.text)...), "\n")
			if (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// wrongLinks returns the problems of a document's links, and of the paths that it names.
func wrongLinks(document, text string) (problems []string) {
	prose := fence.ReplaceAllString(text, "")
	for _, m := range link.FindAllStringSubmatch(prose, -1) {
		name, target := m[1], m[2]
		u, err := url.Parse(target)
		if err != nil {
			problems = append(problems, target+" is not a URL")
			continue
		}
		if u.Scheme != "" {
			continue
		}
		file, content := document, text
		if u.Path != "" {
			file = path.Join(path.Dir(document), u.Path)
			if info, err := os.Stat(fromRoot(file)); err == nil && info.IsDir() {
				continue
			}
			read, err := os.ReadFile(fromRoot(file))
			if err != nil {
				problems = append(problems, err.Error())
				continue
			}
			content = string(read)
		}
		if u.Fragment != "" && !slices.Contains(anchors(content), u.Fragment) {
			problems = append(problems, file+" has no heading #"+u.Fragment)
		}
		if name != "" && strings.HasSuffix(file, ".go") && !strings.Contains(name, "/") && !declares(content, name) {
			problems = append(problems, file+" does not declare "+name)
		}
	}
	for _, m := range codePath.FindAllStringSubmatch(prose, -1) {
		// A path can be relative to the page or to the root. bin contains only build results.
		if !strings.HasPrefix(m[1], "bin/") && !exists(m[1]) && !exists(path.Join(path.Dir(document), m[1])) {
			problems = append(problems, m[1]+" does not exist")
		}
	}
	return problems
}

// anchors returns the fragments of GitHub's links to the headings of a document.
func anchors(text string) (list []string) {
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		list = append(list, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			default:
				return -1
			}
		}, link.ReplaceAllString(m[1], "$1")))
	}
	return list
}

// declares reports whether a Go file declares the name. A method's name is Type.Method. The package can precede a name.
func declares(source, name string) bool {
	if m := regexp.MustCompile(`(?m)^package (\w+)$`).FindStringSubmatch(source); m != nil {
		name = strings.TrimPrefix(name, m[1]+".")
	}
	pattern := `(?m)^(?:(?:func|type|var|const) |\t)` + regexp.QuoteMeta(name) + `\b`
	if receiver, method, isMethod := strings.Cut(name, "."); isMethod {
		pattern = `(?m)^func \((?:\w+ )?\*?` + regexp.QuoteMeta(receiver) + `(?:\[.*\])?\) ` + regexp.QuoteMeta(method) + `\b`
	}
	return regexp.MustCompile(pattern).MatchString(source)
}

// wrongSnippets returns the Go snippets that are not in the Go file that is linked before them. It ignores indentation.
func wrongSnippets(document, text string) (problems []string) {
	for _, at := range fence.FindAllStringSubmatchIndex(text, -1) {
		if text[at[2]:at[3]] != "go" {
			continue
		}
		var file string
		for _, m := range link.FindAllStringSubmatch(text[:at[0]], -1) {
			if strings.HasSuffix(m[2], ".go") {
				file = path.Join(path.Dir(document), m[2])
			}
		}
		snippet := text[at[4]:at[5]]
		if file == "" {
			problems = append(problems, "there is no link to a Go file before\n"+snippet)
			continue
		}
		source, err := os.ReadFile(fromRoot(file))
		if err != nil {
			continue // wrongLinks reports it
		}
		rest, isEmpty := withoutIndentation(string(source)), true
		for _, part := range ellipsis.Split(snippet, -1) {
			lines := withoutIndentation(strings.Trim(part, "\n"))
			if lines == "\n\n" {
				continue
			}
			isEmpty = false
			var found bool
			if _, rest, found = strings.Cut(rest, lines); !found {
				problems = append(problems, file+" does not contain, at this place,\n"+part)
				break
			}
			rest = "\n" + rest
		}
		if isEmpty {
			problems = append(problems, "the snippet is empty:\n"+snippet)
		}
	}
	return problems
}

// withoutIndentation returns the lines without surrounding blanks, between line breaks.
func withoutIndentation(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return "\n" + strings.Join(lines, "\n") + "\n"
}

func exists(file string) bool {
	_, err := os.Stat(fromRoot(file))
	return err == nil
}

// fromRoot converts a path relative to the root of the repository to one relative to this package.
func fromRoot(file string) string { return filepath.Join("..", file) }

// mustFindDocuments returns the paths of every Markdown file of the repository, relative to its root.
func mustFindDocuments(tb testing.TB) (documents []string) {
	tb.Helper()
	root := os.DirFS("..")
	err := fs.WalkDir(root, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && file != "." && (strings.HasPrefix(name, ".") || slices.Contains([]string{"node_modules", "bin", "testdata", "dist"}, name)) {
			return fs.SkipDir
		}
		if strings.HasSuffix(name, ".md") {
			documents = append(documents, file)
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	if len(documents) < 10 {
		tb.Fatalf("got %q, want all documents", documents)
	}
	return documents
}

func mustReadText(tb testing.TB, document string) string {
	tb.Helper()
	content, err := os.ReadFile(fromRoot(document))
	if err != nil {
		tb.Fatal(err)
	}
	return string(content)
}
