package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestImportDirection checks that each package imports only the packages that docs/architecture.md allows.
func TestImportDirection(t *testing.T) {
	t.Parallel()
	// The packages of this project that each package may import. A name that ends in /... means all other packages below it.
	// A package imports only packages of later lines.
	allowed := map[string]string{
		"":                 "cli",
		"cli":              "authz authz/devidp config dashboard docs items items/feed items/postgres items/schema items/sqlite items/transfer items/whatabyte server server/telemetry",
		"server":           "authz dashboard docs items items/feed items/whatabyte server/telemetry",
		"server/telemetry": "",
		"dashboard":        "content",
		"docs":             "content",
		"docs/docstest":    "docs",
		"docs/nodetest":    "",
		"test/program":     "",
		"items/storetest":  "items items/feed items/transfer",

		"items/sqlite/sqlitetest": "items/sqlite",
		"items/...":               "items items/schema",
		"items/schema":            "",
		"items":                   "content",
		"content":                 "",
		"authz/...":               "",
		"authz":                   "",
		"config":                  "",
	}
	confined := map[string]string{ // third-party packages and the only tree that may import them
		"github.com/auth0/go-jwt-middleware": "authz",
		"gopkg.in/go-jose/":                  "authz",
		"github.com/go-jose/":                "authz/devidp",
		"modernc.org/sqlite":                 "items/sqlite",
		"github.com/spf13/viper":             "config",
		"github.com/pressly/goose":           "items",
	}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		importer := ours(fields[0])
		mayImport, known := allowed[importer]
		if above, _, below := strings.Cut(importer, "/"); !known && below {
			mayImport = allowed[above+"/..."]
		}
		for _, imported := range fields[1:] {
			if imported == "menu-api" || strings.HasPrefix(imported, "menu-api/") {
				if !slices.Contains(strings.Fields(mayImport), ours(imported)) {
					t.Errorf("%s imports %s", fields[0], imported)
				}
			}
			if imported == "html/template" || imported == "text/template" {
				t.Errorf("%s imports %s, which makes the binary a quarter larger (see docs/performance.md)", fields[0], imported)
			}
			for library, home := range confined {
				if strings.HasPrefix(imported, library) && !strings.HasPrefix(importer+"/", home+"/") {
					t.Errorf("%s imports %s, which only %s may import", fields[0], imported, home)
				}
			}
		}
		for _, vague := range []string{"pkg", "internal", "utils", "common"} {
			if slices.Contains(strings.Split(importer, "/"), vague) {
				t.Errorf("%s says nothing about its content: name the package after its subject", fields[0])
			}
		}
	}
}

// ours returns the path of a package without the module's name.
func ours(path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, "menu-api"), "/")
}

func TestMainIsTheOnlyGoFileInTheRoot(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if want := []string{"main.go"}; err != nil || !slices.Equal(files, want) {
		t.Errorf("got %q, %v, want %q", files, err, want)
	}
}

// modernc.org/sqlite works only with the version of modernc.org/libc that its go.mod names. Other modules may ask for a newer one.
func TestVersionOfLibc(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.GoMod}}", "modernc.org/sqlite").Output()
	must(t, err)
	want := regexp.MustCompile(`modernc\.org/libc v\S+`).FindString(mustReadFile(t, strings.TrimSpace(string(out))))
	out, err = exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{with .Replace}}{{.}}{{else}}{{.}}{{end}}", "modernc.org/libc").Output()
	must(t, err)
	if got := strings.TrimSpace(string(out)); want == "" || got != want {
		t.Errorf("got %s, want %q: set the version in the replace directive of go.mod", got, want)
	}
}

// docs/security.md and docs/durability.md name a test for each claim, and the Makefile names tests. All of them exist.
func TestDocumentsNameRealTests(t *testing.T) {
	t.Parallel()
	exists := map[string]bool{}
	declaration := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err := filepath.WalkDir(".", func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, m := range declaration.FindAllSubmatch(source, -1) {
			exists[string(m[1])] = true
		}
		return err
	})
	must(t, err)
	for file, least := range map[string]int{"docs/security.md": 30, "docs/durability.md": 15, "Makefile": 5} {
		named := regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z][A-Za-z]+`).FindAllString(mustReadFile(t, file), -1)
		if len(named) < least {
			t.Errorf("%s: got %d names of tests, want at least %d", file, len(named), least)
		}
		for _, name := range named {
			if !exists[name] {
				t.Errorf("%s: %s does not exist", file, name)
			}
		}
	}
}
