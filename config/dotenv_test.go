package config_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"menu-api/config"
)

// TestLiteralValues checks that a value means what is written: nothing is expanded, escaped or removed.
func TestLiteralValues(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ line, want string }{
		"a dollar sign":           {`AUTH0_AUDIENCE=S3$CRET`, `S3$CRET`},
		"a dollar sign, escaped":  {`AUTH0_AUDIENCE=S3\$CRET`, `S3\$CRET`},
		"braces":                  {`AUTH0_AUDIENCE=${CRET}`, `${CRET}`},
		"a hash":                  {`AUTH0_AUDIENCE=a#b`, `a#b`},
		"an equals sign":          {`AUTH0_AUDIENCE=a=b==`, `a=b==`},
		"a backslash n":           {`AUTH0_AUDIENCE=a\nb`, `a\nb`},
		"double quotes":           {`AUTH0_AUDIENCE="a b"`, `a b`},
		"single quotes":           {`AUTH0_AUDIENCE='a b'`, `a b`},
		"a backslash in quotes":   {`AUTH0_AUDIENCE="a\tb"`, `a\tb`},
		"a quote inside":          {`AUTH0_AUDIENCE=a'b"c`, `a'b"c`},
		"a dollar sign in quotes": {`AUTH0_AUDIENCE="S3$CRET"`, `S3$CRET`},
		"export":                  {`export AUTH0_AUDIENCE=a`, `a`},
		"blanks around":           {"  AUTH0_AUDIENCE = a \t", `a`},
		"a Windows line":          {"AUTH0_AUDIENCE=a\r", `a`},
		"a colon":                 {`AUTH0_AUDIENCE=urn:menu`, `urn:menu`},
		"the last of two lines":   {"AUTH0_AUDIENCE=a\nAUTH0_AUDIENCE=b", `b`},
		"a comment on its own":    {"# AUTH0_AUDIENCE=b\nAUTH0_AUDIENCE=a\n  # PORT=x", `a`},
		"a byte order mark":       {"\ufeffAUTH0_AUDIENCE=a", `a`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := mustWrite(t, test.line+"\nAUTH0_ISSUER_URL=tenant.eu.auth0.com\n")
			got := mustLoad(t, config.Serve, file, env{"CRET": "expanded"})
			if !slices.Equal(got.Audiences, []string{test.want}) {
				t.Errorf("got %q, want %q", got.Audiences, test.want)
			}
			if got.EnvFile != file {
				t.Errorf("got file %q, want %q", got.EnvFile, file)
			}
		})
	}
}

// TestLeftovers checks that quotes and comments that are not part of a value stop the start, in the environment and in .env.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ key, value, line, want string }{
		"double quotes":           {key: "AUTH0_AUDIENCE", value: `"https://menu.example.com"`, want: "quotation mark"},
		"single quotes":           {key: "AUTH0_AUDIENCE", value: `'https://menu.example.com'`, want: "quotation mark"},
		"typographic quotes":      {key: "AUTH0_AUDIENCE", value: "\u201chttps://menu.example.com\u201d", want: "quotation mark"},
		"quotes around a number":  {key: "PORT", value: `"7000"`, want: "quotation mark"},
		"quotes around a bool":    {key: "SEED_MENU", value: `'false'`, want: "quotation mark"},
		"quotes around a URL":     {key: "DATABASE_URL", value: `"postgres://menu:secret@db/menu"`, want: "quotation mark"},
		"quotes in a list":        {key: "AUTH0_AUDIENCE", value: `a,"b"`, want: "quotation mark"},
		"empty quotes":            {key: "LOG_LEVEL", value: `""`, want: "quotation mark"},
		"a comment":               {key: "AUTH0_AUDIENCE", value: "https://menu.example.com # secret", want: "space followed by #"},
		"a comment after a tab":   {key: "AUTH0_AUDIENCE", value: "a\t#secret", want: "space followed by #"},
		"only a comment":          {key: "AUTH0_CLIENT_ID", value: "# secret", want: "space followed by #"},
		"a comment in .env":       {key: "AUTH0_AUDIENCE", line: `AUTH0_AUDIENCE=a # secret`, want: "space followed by #"},
		"only a comment in .env":  {key: "HOST", line: `HOST= # secret`, want: "space followed by #"},
		"a quoted value, comment": {key: "AUTH0_AUDIENCE", line: `AUTH0_AUDIENCE="a" # secret`, want: "space followed by #"},
		"two pairs of quotes":     {key: "AUTH0_AUDIENCE", line: `AUTH0_AUDIENCE='"secret"'`, want: "quotation mark"},
		"two quoted values":       {key: "AUTH0_AUDIENCE", line: `AUTH0_AUDIENCE="a","secret"`, want: "quotation mark"},
		"an open quote":           {key: "AUTH0_AUDIENCE", line: `AUTH0_AUDIENCE="secret`, want: "quotation mark"},
		"a quoted comment":        {key: "AUTH0_AUDIENCE", line: `AUTH0_AUDIENCE="a #secret"`, want: "space followed by #"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := tenant(nil)
			delete(e, test.key)
			if test.line == "" {
				e[test.key] = test.value
			}
			_, err := config.Load(config.Serve, mustWrite(t, test.line), e.get)
			var bad *config.Error
			if !errors.As(err, &bad) || len(bad.Problems) != 1 || bad.Problems[0].Key != test.key {
				t.Fatalf("got %v, want one problem with %s", err, test.key)
			}
			if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %q, want the cause (%s) without the value", err, test.want)
			}
		})
	}
}

// TestWarnings checks what Load reports without refusing to start.
func TestWarnings(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		file string
		env  env
		want string // "" for no warning
	}{
		"a variable that is set":       {"DATABASE_URL=postgres://dol:S3$CRET@db/menu", env{"CRET": "x"}, "DATABASE_URL contains $ "},
		"braces":                       {"DATABASE_URL=postgres://dol:S3${CRET}@db/menu", env{"CRET": "x"}, "DATABASE_URL contains $ "},
		"a variable that is not set":   {"DATABASE_URL=postgres://dol:S3$CRET@db/menu", nil, ""},
		"only a dollar sign":           {"DATABASE_URL=postgres://dol:S3$@db/menu", env{"CRET": "x"}, ""},
		"a typing error":               {"AUTH0_AUDIANCE=S3", nil, "AUTH0_AUDIANCE is not a setting; did you mean AUTH0_AUDIENCE?"},
		"a key in lower case":          {"port=7100", nil, "port is not a setting; did you mean PORT?"},
		"a part of a key":              {"AUTH0_ISSUER=S3", nil, "AUTH0_ISSUER is not a setting; did you mean AUTH0_ISSUER_URL?"},
		"a typing error in an alias":   {"AUTH0_DOMAN=S3", nil, "AUTH0_DOMAN is not a setting; did you mean AUTH0_DOMAIN?"},
		"a key like no other":          {"NODE_ENV=S3", nil, "NODE_ENV is not a setting"},
		"keys of Compose":              {"COMPOSE_PROJECT_NAME=S3\nPOSTGRES_PASSWORD=S3\nSITE=S3\nDOCKER_HOST=S3", nil, ""},
		"an alias":                     {"AUTH0_DOMAIN=tenant.eu.auth0.com", nil, ""},
		"a setting of another command": {"DEV_IDP_PORT=7100", nil, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := mustLoad(t, config.Serve, mustWrite(t, test.file+"\n"), tenant(test.env))
			warnings := strings.Join(got.Warnings, "\n")
			if (test.want == "") != (len(got.Warnings) == 0) || !strings.Contains(warnings, test.want) || strings.Contains(warnings, "S3") {
				t.Errorf("got warnings %q, want one that contains %q and no value", got.Warnings, test.want)
			}
			if got.Port != 7000 {
				t.Errorf("got port %d, want the default", got.Port)
			}
		})
	}
}

// TestIssuerAlias checks the name that Auth0's samples use.
func TestIssuerAlias(t *testing.T) {
	t.Parallel()
	const audience = "AUTH0_AUDIENCE=menu\n"
	tests := map[string]struct {
		file string
		env  env
		want string
	}{
		"in the environment":            {"", env{"AUTH0_DOMAIN": "a.auth0.com"}, "https://a.auth0.com/"},
		"in .env":                       {"AUTH0_DOMAIN=a.auth0.com", nil, "https://a.auth0.com/"},
		"beside the setting":            {"AUTH0_DOMAIN=a.auth0.com\nAUTH0_ISSUER_URL=id.example.com", nil, "https://id.example.com/"},
		"the environment overrides":     {"AUTH0_ISSUER_URL=id.example.com", env{"AUTH0_DOMAIN": "a.auth0.com"}, "https://a.auth0.com/"},
		"the setting is empty in .env":  {"AUTH0_ISSUER_URL=\nAUTH0_DOMAIN=a.auth0.com", nil, "https://a.auth0.com/"},
		"both are in the environment":   {"", env{"AUTH0_DOMAIN": "a.auth0.com", "AUTH0_ISSUER_URL": "id.example.com"}, "https://id.example.com/"},
		"the alias is quoted in quotes": {`AUTH0_DOMAIN="a.auth0.com"`, nil, "https://a.auth0.com/"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := mustLoad(t, config.Serve, mustWrite(t, audience+test.file), test.env).Issuer; got != test.want {
				t.Errorf("got issuer %q, want %q", got, test.want)
			}
		})
	}
	_, err := config.Load(config.Serve, "", env{"AUTH0_AUDIENCE": "menu", "AUTH0_DOMAIN": "ftp://a"}.get)
	if err == nil || !strings.Contains(err.Error(), "AUTH0_DOMAIN must be") {
		t.Errorf("got %v, want a problem with the name that the user wrote", err)
	}
}

// TestSQLiteEscapes checks percent-escapes in the URL of an SQLite file.
func TestSQLiteEscapes(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "old%20menu.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ url, file, problem string }{
		"a space":               {"sqlite:my%20menu.db", "my menu.db", ""},
		"a hash":                {"sqlite:/data/a%23b.db", "/data/a#b.db", ""},
		"a percent sign":        {"sqlite:///data/100%25.db", "/data/100%.db", ""},
		"a plus sign":           {"sqlite:a+b.db", "a+b.db", ""},
		"not an escape":         {"sqlite:100%.db", "", "%25"},
		"a zero byte":           {"sqlite:a%00.db", "", "%25"},
		"an older file":         {"sqlite:" + folder + "/old%20menu.db", "", "a file with the undecoded name"},
		"an older file, as URL": {"sqlite://" + folder + "/old%20menu.db", "", "a file with the undecoded name"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := config.Load(config.Client, "", env{"DATABASE_URL": test.url}.get)
			if test.problem != "" {
				if err == nil || !strings.Contains(err.Error(), test.problem) {
					t.Errorf("got %v, want a problem that contains %q", err, test.problem)
				}
				return
			}
			if got := sqliteFile(c); err != nil || got != test.file {
				t.Errorf("got %q, %v, want %q", got, err, test.file)
			}
		})
	}
}

// TestPasswordsStayHidden checks that a password of any characters, encoded or not, appears neither in an error nor in a
// printed or logged configuration.
func TestPasswordsStayHidden(t *testing.T) {
	t.Parallel()
	special := rapid.OneOf(rapid.SampledFrom([]string{"@", "/", "?", "#", ":", "%", "%zz", " ", "'", `"`, "\\", "$", "&", "=", "[", "]", ",", "`", "\n", "?x=", "://", "@1/2@"}), rapid.String())
	word := rapid.SampledFrom([]string{"hunter", "77123"})
	rapid.Check(t, func(rt *rapid.T) {
		password := "hunter" + special.Draw(rt, "a") + word.Draw(rt, "b") + special.Draw(rt, "c") + word.Draw(rt, "d")
		form := rapid.SampledFrom([]string{
			"postgres://menu:%s@db:5432/menu", "postgres://menu:%s@db:x/menu", "postgres://menu:%s@db/menu?sslmode=x", "postgresql://menu:%s@a,b/menu",
			"postgres://db/menu?password=%s", "postgres://db/menu?password=%s&sslmode=x", "postgres://menu:%s@/menu?host=/tmp", "postgres://%s@db/menu",
			"mysql://menu:%s@db/menu", "sqlite://menu:%s@db/menu", "host=db password=%s", `"postgres://menu:%s@db/menu"`,
		}).Draw(rt, "form")
		text := fmt.Sprintf(form, password)
		c, err := config.Load(config.Client, "", env{"DATABASE_URL": text, "PATH": "x"}.get)
		var log strings.Builder
		slog.New(slog.NewJSONHandler(&log, nil)).Info("start", "database", c.Database, "config", c)
		d := config.DatabaseURL(text)
		if strings.HasPrefix(form, "sqlite") {
			d = ""
		}
		printed := fmt.Sprintf("%v %v %+v %#v %v %+v %#v %q %s", err, c, c, c, d, d, d, d, c.Warnings) + log.String()
		if strings.Contains(printed, "hunter") || strings.Contains(printed, "77123") {
			rt.Errorf("%q printed %s", text, printed)
		}
	})
}
