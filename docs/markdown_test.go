package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
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
	// A link's text, which may be code, and its target.
	link    = regexp.MustCompile(`\[(?:\x60([^\x60\]]*)\x60|[^\]]*)\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	// A path in this repository that is named in code, such as `items/module.go`.
	codePath = regexp.MustCompile("`((?:[a-z][\\w.-]*/)+[\\w.-]+\\.(?:go|md|yaml|json|js|sql))`")
)

// TestMarkdown checks what the documents of this repository say of it: that each file and heading that a link leads to is
// there, that a file which is linked under a name in Go declares that name, and that snippets of Go are in the file that is
// linked before them.
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

	// Whoever looks for a page begins here.
	const index = "docs/README.md"
	indexed := map[string]bool{index: true}
	for _, m := range link.FindAllStringSubmatch(mustReadText(t, index), -1) {
		indexed[path.Join("docs", m[2])] = true
	}
	for _, document := range documents {
		if strings.HasPrefix(document, "docs/") && !strings.HasPrefix(document, "docs/adr/") && !indexed[document] {
			t.Errorf("%s has no link to %s", index, document)
		}
	}
}

// The checks find what is wrong.
func TestMarkdownChecks(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ text, want string }{
		"a good page":          {"# A\n[A](#a), [code](docs.go), [`Guard`](../authz/guard.go)\n```go\n// …\ntype Guard struct {\n```\n", ""},
		"a file":               {"[x](nowhere.md)", "nowhere.md"},
		"a heading":            {"# A b\n[x](#a-c)", "#a-c"},
		"a heading elsewhere":  {"[x](../README.md#nowhere)", "#nowhere"},
		"a name":               {"[`Gard`](../authz/guard.go)", "Gard"},
		"a method":             {"[`Guard.Admit`](../authz/guard.go)", "Guard.Admit"},
		"a path in code":       {"see `items/nowhere.go`", "items/nowhere.go"},
		"a snippet":            {"[x](../authz/guard.go)\n```go\ntype Gard struct {\n```\n", "type Gard struct"},
		"a snippet of no file": {"```go\ntype Guard struct {\n```\n", "no link to a Go file"},
		"an empty snippet":     {"[x](../authz/guard.go)\n```go\n// …\n```\n", "is empty"},
		"lines out of order": {"[x](../authz/errors.go)\n```go\nErrForbidden = errors.New(\"the access token lacks the permission\")\n" +
			"// …\nErrMissing = errors.New(\"no access token\")\n```\n", "ErrMissing"},
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

// wrongLinks returns what is wrong with the links of a document, and with the paths that it names.
func wrongLinks(document, text string) (problems []string) {
	prose := fence.ReplaceAllString(text, "")
	for _, m := range link.FindAllStringSubmatch(prose, -1) {
		name, target := m[1], m[2]
		u, err := url.Parse(target)
		if err != nil || u.Scheme != "" {
			if err != nil {
				problems = append(problems, target+" is no URL")
			}
			continue
		}
		file, content := document, text
		if u.Path != "" {
			file = path.Join(path.Dir(document), u.Path)
			if info, err := os.Stat(fromRoot(file)); err != nil {
				problems = append(problems, "there is no "+file)
				continue
			} else if info.IsDir() {
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
		if name != "" && strings.HasSuffix(file, ".go") && !strings.Contains(name, "/") && !declares(file, name) {
			problems = append(problems, file+" declares no "+name)
		}
	}
	for _, m := range codePath.FindAllStringSubmatch(prose, -1) {
		// A page may name a path from its own folder, or from the root. Nobody commits what is built in bin.
		if !strings.HasPrefix(m[1], "bin/") && !exists(m[1]) && !exists(path.Join(path.Dir(document), m[1])) {
			problems = append(problems, "there is no "+m[1])
		}
	}
	return problems
}

// anchors returns the fragments under which GitHub links to the headings of a document.
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

// declares reports whether the Go file declares the name, which may be that of a method, Type.Method, and may begin with
// that of the package.
func declares(file, name string) bool {
	parsed, err := parser.ParseFile(token.NewFileSet(), fromRoot(file), nil, parser.SkipObjectResolution)
	if err != nil {
		return false
	}
	declared := map[string]bool{}
	for _, declaration := range parsed.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			full := d.Name.Name
			if d.Recv != nil {
				receiver := d.Recv.List[0].Type
				if pointer, ok := receiver.(*ast.StarExpr); ok {
					receiver = pointer.X
				}
				if of, ok := receiver.(*ast.Ident); ok {
					full = of.Name + "." + full
				}
			}
			declared[full] = true
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					declared[s.Name.Name] = true
				case *ast.ValueSpec:
					for _, id := range s.Names {
						declared[id.Name] = true
					}
				}
			}
		}
	}
	return declared[strings.TrimPrefix(name, parsed.Name.Name+".")]
}

// wrongSnippets returns the snippets of Go that are not in the Go file that is linked before them. What stands for lines
// that are left out is a line with an ellipsis. Indentation counts as far as it is relative.
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
			continue // wrongLinks says so
		}
		lines := trimmed(string(source))
		empty := true
		for _, part := range regexp.MustCompile(`(?m)^\s*(?://)? ?…\s*$`).Split(snippet, -1) {
			wanted := trimmed(strings.Trim(part, "\n"))
			if len(wanted) == 1 && wanted[0] == "" {
				continue
			}
			empty = false
			begin := indexOf(lines, wanted)
			if begin < 0 {
				problems = append(problems, file+" does not have, at this place,\n"+part)
				break
			}
			lines = lines[begin+len(wanted):]
		}
		if empty {
			problems = append(problems, "the snippet is empty:\n"+snippet)
		}
	}
	return problems
}

// trimmed returns the lines of a text without the blanks around them.
func trimmed(text string) []string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return lines
}

// indexOf returns where the lines are among others, or -1.
func indexOf(lines, wanted []string) int {
	for i := range len(lines) - len(wanted) + 1 {
		if slices.Equal(lines[i:i+len(wanted)], wanted) {
			return i
		}
	}
	return -1
}

func exists(file string) bool {
	_, err := os.Stat(fromRoot(file))
	return err == nil
}

// fromRoot is the name, for this package, of a file that is named from the root of the repository.
func fromRoot(file string) string { return filepath.Join("..", file) }

// mustFindDocuments returns every Markdown file of the repository, named from its root.
func mustFindDocuments(tb testing.TB) (documents []string) {
	tb.Helper()
	err := filepath.WalkDir("..", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && (name == "node_modules" || name == "bin" || name == "testdata" || name == "dist" || strings.HasPrefix(name, ".") && name != "..") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(name, ".md") {
			relative, err := filepath.Rel("..", file)
			if err != nil {
				return err
			}
			documents = append(documents, filepath.ToSlash(relative))
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
