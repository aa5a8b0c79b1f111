package cli

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestOutputHasNoPassword runs commands against a server that does not exist. Neither their output nor their error has any
// part of the password, encoded or not.
func TestOutputHasNoPassword(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		special := rapid.OneOf(rapid.SampledFrom([]string{"@", "/", "?", "#", "%", " ", `"`, "@1/2@", "$HOME"}), rapid.String())
		password := "hunter" + special.Draw(rt, "a") + "hunter" + special.Draw(rt, "b") + "hunter"
		if rapid.Bool().Draw(rt, "encoded") {
			password = url.PathEscape(password)
		}
		env := map[string]string{
			"AUTH0_ISSUER_URL": "tenant.eu.auth0.com", "AUTH0_AUDIENCE": "menu", "HOME": "/root",
			"DATABASE_URL": "postgres://menu:" + password + "@127.0.0.1:1/menu?connect_timeout=1",
		}
		command := rapid.SampledFrom([]string{"serve", "export", "backup " + folder + "/menu.backup", "import -", "healthcheck"}).Draw(rt, "command")
		var out strings.Builder
		err := Run(context.Background(), strings.Fields(command), func(key string) string { return env[key] }, &out)
		if printed := fmt.Sprint(out.String(), err); err == nil || strings.Contains(printed, "hunter") {
			rt.Errorf("%s with %q printed %s", command, env["DATABASE_URL"], printed)
		}
	})
}
