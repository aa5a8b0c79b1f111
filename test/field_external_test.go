//go:build external

package test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"menu-api/authz/authztest"
	"menu-api/items"
	"menu-api/test/program"
)

// fieldStep is one change of a recipe: the text goes below every line with the same words as below.
type fieldStep struct{ file, below, text string }

// fieldRecipe reads the steps of the recipe for a field from docs/adding.md, and the migration.
func fieldRecipe() (steps []fieldStep, migration string, err error) {
	content, err := os.ReadFile("docs/adding.md")
	if err != nil {
		return nil, "", err
	}
	_, recipe, _ := strings.Cut(string(content), "\n## A field\n")
	recipe, _, _ = strings.Cut(recipe, "\n## ")
	linkOrBlock := regexp.MustCompile("(?ms)\\]\\(([^)]+)\\)|^   ```(diff|sql)\n(.*?)^   ```\n")
	indent := regexp.MustCompile("(?m)^   ")
	var file string // that the text before a block links to
	for _, m := range linkOrBlock.FindAllStringSubmatch(recipe, -1) {
		link, language, block := m[1], m[2], indent.ReplaceAllString(m[3], "")
		switch language {
		case "":
			file = path.Join("docs", link)
		case "sql":
			migration = block
		case "diff":
			step := fieldStep{file: file}
			for line := range strings.Lines(block) {
				if added, ok := strings.CutPrefix(line, "+"); ok {
					step.text += added
				} else {
					step.below = words(line)
				}
			}
			steps = append(steps, step)
		}
	}
	if len(steps) < 3 || migration == "" {
		return nil, "", fmt.Errorf("docs/adding.md has only %d steps, and the migration %q", len(steps), migration)
	}
	return steps, migration, nil
}

// words returns the line with one space between its words.
func words(line string) string { return strings.Join(strings.Fields(line), " ") }

// indexMigration is a second migration, for PostgreSQL.
const indexMigration = `-- +goose NO TRANSACTION
-- +goose Up
DROP INDEX CONCURRENTLY IF EXISTS items_by_origin;
CREATE INDEX CONCURRENTLY items_by_origin ON items (origin);
`

// copyWithOrigin copies the project and adds the field, as docs/adding.md says.
func copyWithOrigin(project string) error {
	steps, migration, err := fieldRecipe()
	if err != nil {
		return err
	}
	err = filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if slices.Contains([]string{".git", "bin", "data", "node_modules", "test"}, path) || entry.Name() == "node_modules" {
				return fs.SkipDir
			}
			return os.Mkdir(filepath.Join(project, path), 0o700)
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, step := range steps {
			if step.file != path {
				continue
			}
			var changed strings.Builder
			for line := range strings.Lines(string(content)) {
				changed.WriteString(line)
				if words(line) == step.below {
					changed.WriteString(step.text)
				}
			}
			if changed.Len() == len(content) {
				return fmt.Errorf("%s has no line %q", path, step.below)
			}
			content = []byte(changed.String())
		}
		return os.WriteFile(filepath.Join(project, path), content, 0o600)
	})
	if err != nil {
		return err
	}
	for _, engine := range []string{"sqlite", "postgres"} {
		folder := filepath.Join(project, "items", engine, "migrations")
		migrations, err := filepath.Glob(filepath.Join(folder, "*.sql"))
		if err != nil {
			return err
		}
		var newest int
		if _, err := fmt.Sscanf(filepath.Base(migrations[len(migrations)-1]), "%d", &newest); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%04d_origin.sql", newest+1)), []byte(migration), 0o600); err != nil {
			return err
		}
		if engine == "postgres" {
			if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%04d_origin_index.sql", newest+2)), []byte(indexMigration), 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

var withOrigin = sync.OnceValues(func() (project string, err error) {
	project = filepath.Join(scratch, "with-origin")
	if err := copyWithOrigin(project); err != nil {
		return "", err
	}
	_, err = program.Build(project, "menu-api")
	return project, err
})

// TestAddField: after the recipe in docs/adding.md, every part of the program knows the new field.
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
