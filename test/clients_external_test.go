//go:build external

package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"menu-api/docs/docstest"
	"menu-api/docs/nodetest"
)

// TestGeneratedClients: clients that are generated from docs/openapi.yaml compile, and complete a round trip.
func TestGeneratedClients(t *testing.T) {
	t.Parallel()
	document, err := filepath.Abs("docs/openapi.yaml")
	must(t, err)
	server := start(t, "dev", nil)
	api, token := docstest.Proxy(t, server.api), server.token("admin")

	for _, client := range []struct {
		name  string
		steps [][]string // generate, compile and run
	}{
		{"Go", [][]string{
			{"mkdir", "menu"},
			{"go", "tool", "oapi-codegen", "-generate", "types,client", "-package", "menu", "-o", "menu/menu.go", document},
			{"go", "run", ".", api, token},
		}},
		{"TypeScript", [][]string{
			{nodetest.Tool(t, "openapi-ts"), "--no-log-file", "-i", document, "-o", "menu"},
			{nodetest.Tool(t, "tsc")},
			{"node", "js/roundtrip.mjs", api, token},
		}},
	} {
		t.Run(client.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			must(t, os.CopyFS(dir, os.DirFS("test/clients")))
			for _, step := range client.steps {
				cmd := exec.CommandContext(t.Context(), step[0], step[1:]...)
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false")
				if output, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%v: %v\n%s", step[:len(step)-1], err, output)
				}
			}
		})
	}
}
