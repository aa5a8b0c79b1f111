package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"menu-api/items/postgres/pgtest"
)

// command runs the program on the database and returns its standard output.
func command(tb testing.TB, database string, args ...string) (string, error) {
	tb.Helper()
	var out bytes.Buffer
	settings := map[string]string{"DATABASE_URL": database}
	err := run(context.Background(), args, func(key string) string { return settings[key] }, &out)
	return out.String(), err
}

func mustCommand(tb testing.TB, database string, args ...string) string {
	tb.Helper()
	out, err := command(tb, database, args...)
	if err != nil {
		tb.Fatalf("menu-api %s: %v", strings.Join(args, " "), err)
	}
	return out
}

func mustWriteFile(tb testing.TB, name, content string) {
	tb.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
}

const csvMenu = "name,price,description,image,category\n\"Soup, hot\",4.5,\"A \"\"warm\"\"\nbowl\",,Starter\nÉclair 🍰,3,Sweet,https://x/y.png,Dessert\n"

// A menu that goes from SQLite to PostgreSQL and, by way of a backup, back is the same to the byte, history included.
func TestMenuMovesBetweenEngines(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, second, third := "sqlite:"+filepath.Join(dir, "first.db"), pgtest.NewDatabase(t), "sqlite:"+filepath.Join(dir, "third.db")
	mustWriteFile(t, filepath.Join(dir, "menu.csv"), csvMenu)
	mustCommand(t, first, "import", filepath.Join(dir, "menu.csv"))
	want := mustCommand(t, first, "export")
	if strings.Count(want, "\n") != 4 || !strings.Contains(want, `"description":"A \"warm\"\nbowl"`) {
		t.Fatalf("got export %s, want two items and their history", want)
	}
	mustCommand(t, first, "export", filepath.Join(dir, "menu.jsonl"))
	mustCommand(t, second, "import", filepath.Join(dir, "menu.jsonl"))
	if got := mustCommand(t, second, "export"); got != want {
		t.Errorf("got from PostgreSQL\n%s\nwant\n%s", got, want)
	}
	for source, backup := range map[string]string{first: "first.backup", second: "second.backup"} {
		file := filepath.Join(dir, backup)
		mustCommand(t, source, "backup", file)
		mustCommand(t, third, "restore", "--replace", file)
		if got := mustCommand(t, third, "export"); got != want {
			t.Errorf("got from %s\n%s\nwant\n%s", backup, got, want)
		}
	}
}

// What a command refuses it refuses with one line that says what to do, and nothing has changed.
func TestTransfersRefuse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	database := "sqlite:" + filepath.Join(dir, "menu.db")
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		mustWriteFile(t, path, content)
		return path
	}
	mustCommand(t, database, "import", file("menu.csv", csvMenu))
	backup := filepath.Join(dir, "menu.backup")
	mustCommand(t, database, "backup", backup)
	before := mustCommand(t, database, "export")
	const head = "name,price,description,image\n"
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"a price":                {[]string{"import", file("price.csv", head+"Tea,1,d,\nTea,1.999,d,\n")}, "line 3: price must be a number"},
		"a row after a long one": {[]string{"import", file("long.csv", head+"\"a\nb\nc\",1,d,\n,1,d,\n")}, "line 5: name"},
		"a column":               {[]string{"import", file("column.csv", "name,price,description,image,colour\nTea,1,d,,red\n")}, "colour"},
		"an id that is there":    {[]string{"import", file("id.jsonl", `{"id":1,"name":"Tea","price":1,"description":"","image":""}`+"\n")}, "line 1: this id is or was on the menu"},
		"a second good row":      {[]string{"import", file("second.jsonl", `{"name":"Tea","price":1,"description":"","image":""}`+"\n\n{\n")}, "line 3"},
		"a field":                {[]string{"import", file("field.jsonl", `{"name":"Tea","price":1,"description":"","image":"","colour":"red"}`+"\n")}, "colour"},
		"no file":                {[]string{"import", filepath.Join(dir, "none.csv")}, "none.csv"},
		"a file that is there":   {[]string{"export", file("there.csv", "")}, "--force"},
		"a backup that is there": {[]string{"backup", backup}, "--force"},
		"a menu that is there":   {[]string{"restore", backup}, "--replace"},
		"no backup":              {[]string{"restore", "--replace", file("text.db", strings.Repeat("text ", 2000))}, "not an SQLite database"},
	} {
		_, err := command(t, database, test.args...)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got error %v, want one line that says %q", name, err, test.want)
		}
	}
	if after := mustCommand(t, database, "export"); after != before {
		t.Errorf("got\n%s\nafter all that, want\n%s", after, before)
	}
}
