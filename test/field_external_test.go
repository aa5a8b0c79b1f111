//go:build external

package test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"menu-api/authz/authztest"
	"menu-api/items"
)

// newField is what a developer writes to add the optional text field origin: each text goes below every line that matches.
var newField = []struct{ file, below, text string }{
	{"items/item.go", "^\tTagline +string", "\tOrigin string `json:\"origin,omitempty\" db:\"origin\" validate:\"omitempty,max=100\"`"},
	{"docs/openapi.yaml", `^        tagline: \{ type: string, m`, `        origin: { type: string, maxLength: 100 }`},
	{"docs/openapi.yaml", `^        tagline: \{ \$ref`, `        origin: { type: [string, "null"], maxLength: 100 }`},
	{"dashboard/src/menu/fields.ts", `^  \{ name: 'tagline'`, `  { name: 'origin', label: 'Origin', kind: 'text' },`},
}

const originMigration = "-- +goose Up\nALTER TABLE items ADD COLUMN origin text NOT NULL DEFAULT '';\n"

// copyWithOrigin copies the project and adds the field.
func copyWithOrigin(project string) error {
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if slices.Contains([]string{".git", "bin", "data", "node_modules", "test"}, path) || entry.Name() == "node_modules" {
				return fs.SkipDir
			}
			return os.Mkdir(filepath.Join(project, path), 0o700)
		}
		content, err := os.ReadFile(path)
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		for _, edit := range newField {
			if edit.file != path {
				continue
			}
			below := regexp.MustCompile("(?m)" + edit.below + ".*\n")
			if !below.Match(content) {
				return fmt.Errorf("%s has no line %s", path, edit.below)
			}
			content = below.ReplaceAllFunc(content, func(line []byte) []byte { return slices.Concat(line, []byte(edit.text+"\n")) })
		}
		return os.WriteFile(filepath.Join(project, path), content, 0o600)
	})
	for _, engine := range []string{"sqlite", "postgres"} {
		folder := filepath.Join(project, "items", engine, "migrations")
		migrations, globErr := filepath.Glob(filepath.Join(folder, "*.sql"))
		if err == nil {
			err = globErr
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, fmt.Sprintf("%04d_origin.sql", len(migrations)+1)), []byte(originMigration), 0o600)
		}
	}
	return err
}

var withOrigin = sync.OnceValues(func() (project string, err error) {
	project = filepath.Join(scratch, "with-origin")
	if err := copyWithOrigin(project); err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-buildvcs=false", "-o", "menu-api", ".")
	build.Dir = project
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, output)
	}
	return project, nil
})

// A developer adds an optional text field with one line in items/item.go, a migration for each engine, its property in
// docs/openapi.yaml and one line in the dashboard's list of fields. Then every part of the program knows the field.
func TestAddField(t *testing.T) {
	t.Parallel()
	project, err := withOrigin()
	must(t, err)
	for engine, newDatabase := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			tenant := authztest.NewIssuer(t)
			programOn := func(database string) *replica {
				return &replica{program: filepath.Join(project, "menu-api"), tenant: tenant, database: database, addr: mustFindAddr(t)}
			}
			r := programOn(newDatabase(t))
			r.start(t)
			client := &writer{client: http.DefaultClient, api: r.api(), token: tenant.Token(t, items.Permissions()...)}
			for _, step := range []struct {
				name, method, path, body string
				status                   int
				origin                   string // of the item in the response, or "-" for a problem that names the field
			}{
				{"create", "POST", "/items", `{"item":{"name":"Cawl","price":4.5,"description":"","image":"","origin":"Wales"}}`, 201, "Wales"},
				{"read", "GET", "/items/1", "", 200, "Wales"},
				{"too long", "PATCH", "/items/1", `{"origin":"` + strings.Repeat("x", 101) + `"}`, 400, "-"},
				{"a number", "PATCH", "/items/1", `{"origin":7}`, 400, "-"},
				{"patch another field", "PATCH", "/items/1", `{"price":5}`, 200, "Wales"},
				{"patch", "PATCH", "/items/1", `{"origin":"Scotland"}`, 200, "Scotland"},
				{"read in the second contract", "GET", "/api/menu/items/1", "", 200, "Scotland"},
				{"put without it in the second contract", "PUT", "/api/menu/items/1", `{"name":"Cawl","price":"4.99","description":"","image":""}`, 200, "Scotland"},
				{"patch in the second contract", "PATCH", "/api/menu/items/1", `{"origin":"Ireland"}`, 204, ""},
				{"wrong in the second contract", "PATCH", "/api/menu/items/1", `{"origin":7}`, 400, "-"},
				{"create in the second contract", "POST", "/api/menu/items", `{"name":"Stew","price":"4.99","description":"","image":"","origin":"Cork"}`, 201, "Cork"},
				{"delete", "DELETE", "/items/1", "", 200, "Ireland"},
				{"restore", "POST", "/items/1/restore", "", 200, "Ireland"},
				{"unset", "PATCH", "/items/1", `{"origin":null}`, 200, ""},
				{"set again", "PATCH", "/items/1", `{"origin":"Éire"}`, 200, "Éire"},
				{"put without it", "PUT", "/items/2", `{"name":"Stew","price":5,"description":"","image":""}`, 200, ""},
			} {
				response, err := client.do(step.method, step.path, step.body, nil)
				must(t, err)
				if step.origin == "-" {
					if response.status != step.status || !strings.Contains(response.body, `"field":"origin"`) {
						t.Errorf("%s: got %d %s, want %d that names the field", step.name, response.status, response.body, step.status)
					}
					continue
				}
				if got := originOf(response.body); response.status != step.status || got != step.origin {
					t.Errorf("%s: got %d %s, want %d with %q", step.name, response.status, response.body, step.status, step.origin)
				}
			}
			response, err := client.do("GET", "/items/1/history", "", nil)
			must(t, err)
			var history []struct {
				Action string
				After  json.RawMessage
			}
			must(t, json.Unmarshal([]byte(response.body), &history))
			var origins []string
			for _, change := range slices.Backward(history) {
				origins = append(origins, change.Action+" "+originOf(string(change.After)))
			}
			want := "create Wales, update Wales, update Scotland, update Scotland, update Ireland, delete , restore Ireland, update , update Éire"
			if got := strings.Join(origins, ", "); got != want {
				t.Errorf("history: got %s, want %s", got, want)
			}

			// Both formats move the field to another database.
			lines, table := mustOutput(t, r.command(t, "export")), mustOutput(t, r.command(t, "export", "--format=csv"))
			if !strings.Contains(table, "Éire") {
				t.Errorf("got %s, want a column with the field", table)
			}
			for format, content := range map[string]string{"jsonl": lines, "csv": table} {
				other := programOn(newDatabase(t))
				file := filepath.Join(t.TempDir(), "menu")
				must(t, os.WriteFile(file, []byte(content), 0o600))
				mustOutput(t, other.command(t, "import", "--format="+format, file))
				if got := mustOutput(t, other.command(t, "export", "--format="+format)); got != content {
					t.Errorf("%s: got\n%s\nwant\n%s", format, got, content)
				}
			}
		})
	}
}

func originOf(item string) string {
	var fields struct{ Origin string }
	_ = json.Unmarshal([]byte(item), &fields) // "null" and an empty body have none
	return fields.Origin
}

func mustOutput(tb testing.TB, cmd *exec.Cmd) string {
	tb.Helper()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		tb.Fatalf("%s: %v\n%s", cmd, err, &stderr)
	}
	return string(output)
}
