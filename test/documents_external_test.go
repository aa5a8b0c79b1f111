//go:build external

package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"menu-api/docs/docstest"
)

// block is a block of commands in a page, and the output that the page shows after it, "" if it shows none.
type block struct{ commands, output string }

var fencedCommands = regexp.MustCompile("(?ms)^```sh\n(.*?)^```\n(?:```\n(.*?)^```\n)?")

// blocksIn returns the blocks of a page, except those that install or configure the program.
func blocksIn(tb testing.TB, page string) (blocks []block) {
	tb.Helper()
	for _, m := range fencedCommands.FindAllStringSubmatch(mustReadFile(tb, page), -1) {
		if !strings.Contains(m[1], "git clone") && !strings.Contains(m[1], ".env") {
			blocks = append(blocks, block{m[1], m[2]})
		}
	}
	return blocks
}

// assertOutput compares the output of the commands with the page, where … matches any text.
func (b block) assertOutput(t *testing.T, got string) {
	t.Helper()
	got = strings.TrimSpace(got)
	pattern := "(?s)^" + strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(b.output)), "…", ".*") + "$"
	if !regexp.MustCompile(pattern).MatchString(got) {
		t.Errorf("%s\ngot\n%s\nwant, as in the page,\n%s", b.commands, got, b.output)
	}
}

// TestDocumentedCommands runs the commands of each page in one shell, against a new server, and compares their output with the
// page.
func TestDocumentedCommands(t *testing.T) {
	t.Parallel()
	program, err := binary()
	must(t, err)
	for page, count := range map[string]int{"README.md": 3, "docs/curl.md": 10, "docs/tutorial.md": 8} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			blocks := blocksIn(t, page)
			if len(blocks) != count {
				t.Fatalf("got %d blocks of commands, want %d", len(blocks), count)
			}
			server := start(t, "dev", nil)
			const separator = "\x1e"
			var script strings.Builder
			for _, b := range blocks {
				script.WriteString(b.commands + "printf '" + separator + "'\n")
			}
			text := strings.NewReplacer(
				"http://localhost:7000", docstest.Proxy(t, server.api),
				"http://localhost:7001/", server.issuer,
				"go run . token", program+" token",
			).Replace(script.String())
			cmd := exec.CommandContext(t.Context(), "bash", "-c", text)
			cmd.Env = append(os.Environ(), "DEV_IDP_PORT="+portOf(server.issuer))
			cmd.Dir = t.TempDir()
			outputs := strings.Split(mustOutput(t, cmd), separator)
			for i, b := range blocks {
				b.assertOutput(t, outputs[i])
			}
		})
	}
}

// portOf returns the port of a URL or an address.
func portOf(address string) string {
	return regexp.MustCompile(`:(\d+)/?$`).FindStringSubmatch(address)[1]
}

// TestFirstHour runs every command of docs/first-hour.md and compares the output with the page. The commands run in a copy
// of the project that has the field of step 9, because that is the only copy that the tests make.
func TestFirstHour(t *testing.T) {
	t.Parallel()
	project, err := withOrigin()
	must(t, err)
	running, err := binary()
	must(t, err)

	api, folder := mustFindAddr(t), t.TempDir()
	port, issuerPort := portOf(api), portOf(mustFindAddr(t))
	settings := []string{"PORT=" + port, "DEV_IDP_PORT=" + issuerPort}
	var server *process
	var assignments string // of shell variables, which later blocks use
	blocks := blocksIn(t, "docs/first-hour.md")
	if len(blocks) != 9 {
		t.Fatalf("got %d blocks of commands, want 9", len(blocks))
	}
	for _, b := range blocks {
		if b.commands == "make dev\n" {
			if server != nil { // the second start is after the recipe for a field
				must(t, server.Process.Signal(syscall.SIGINT))
				<-server.ended
				running = filepath.Join(project, "menu-api")
			}
			cmd := command(t, settings, "dev")
			cmd.Path, cmd.Dir = running, folder
			server = startProcess(t, cmd)
			server.mustBecomeReady(t, "http://"+api+"/readyz")
			if b.output != "" {
				b.output = strings.NewReplacer("localhost:7000", "localhost:"+port, "localhost:7001", "localhost:"+issuerPort).Replace(b.output)
				b.assertOutput(t, mustReadFile(t, server.log))
			}
			continue
		}
		script := strings.NewReplacer("localhost:7000", api, "go run . token", running+" token").Replace(b.commands)
		cmd := exec.CommandContext(t.Context(), "bash", "-c", assignments+script)
		// They use what package program has compiled.
		cmd.Dir, cmd.Env = project, slices.Concat(cmd.Environ(), settings, []string{"CGO_ENABLED=0", "GOFLAGS=-trimpath -tags=nomsgpack,validator_novalidatefn"})
		output, _ := cmd.CombinedOutput() // the status of the test that is broken on purpose is not 0
		for _, assignment := range regexp.MustCompile(`(?m)^[A-Z]+=.*\n`).FindAllString(script, -1) {
			assignments += assignment
		}
		b.assertOutput(t, string(output))
	}
	must(t, server.Process.Signal(syscall.SIGINT))
	<-server.ended
}
