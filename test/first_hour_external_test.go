//go:build external

package test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"menu-api/test/program"
)

// TestFirstHour runs every command of docs/first-hour.md and compares the output with the page. The commands run in a copy
// of the project that has the field of step 9, because that is the only copy that the tests make.
func TestFirstHour(t *testing.T) {
	t.Parallel()
	project, err := withOrigin()
	must(t, err)
	running, withField := program.MustBuild(t), filepath.Join(project, "menu-api")

	api, folder := mustFindAddr(t), t.TempDir()
	_, port, _ := strings.Cut(api, ":")
	_, issuerPort, _ := strings.Cut(mustFindAddr(t), ":")
	var server *process
	var assignments string // of shell variables, which later blocks use
	settings := []string{"PORT=" + port, "DEV_IDP_PORT=" + issuerPort}
	blocks := regexp.MustCompile("(?ms)^```sh\n(.*?)^```\n(?:```\n(.*?)^```\n)?").FindAllStringSubmatch(mustReadFile(t, "docs/first-hour.md"), -1)
	if len(blocks) < 8 {
		t.Fatalf("got %d blocks of commands, want all", len(blocks))
	}
	for _, block := range blocks {
		commands, want := block[1], block[2]
		if commands == "make dev\n" {
			if server != nil { // the second start is after the recipe for a field
				must(t, server.Process.Signal(syscall.SIGINT))
				<-server.ended
				running = withField
			}
			cmd := command(t, settings, "dev")
			cmd.Path, cmd.Dir = running, folder
			server = startProcess(t, cmd)
			server.mustBecomeReady(t, "http://"+api+"/readyz")
			if want != "" {
				banner := strings.NewReplacer("localhost:7000", "localhost:"+port, "localhost:7001", "localhost:"+issuerPort).Replace(want)
				assertOutput(t, commands, mustReadFile(t, server.log), banner)
			}
			continue
		}
		script := strings.NewReplacer("localhost:7000", api, "go run . token", running+" token").Replace(commands)
		cmd := exec.CommandContext(t.Context(), "bash", "-c", assignments+script)
		// They use what package program has compiled.
		cmd.Dir, cmd.Env = project, append(append(cmd.Environ(), settings...), "CGO_ENABLED=0", "GOFLAGS=-trimpath -tags=nomsgpack,validator_novalidatefn")
		output, _ := cmd.CombinedOutput() // the status of the test that is broken on purpose is not 0
		for _, assignment := range regexp.MustCompile(`(?m)^[A-Z]+=.*\n`).FindAllString(script, -1) {
			assignments += assignment
		}
		assertOutput(t, commands, string(output), want)
	}
	must(t, server.Process.Signal(syscall.SIGINT))
	<-server.ended
}

// assertOutput compares the output of commands with the page, where … is any text.
func assertOutput(t *testing.T, commands, got, want string) {
	t.Helper()
	pattern := "(?s)^" + strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(want)), "…", ".*") + "$"
	if got = strings.TrimSpace(got); !regexp.MustCompile(pattern).MatchString(got) {
		t.Errorf("%s\ngot\n%s\nwant, as in the page,\n%s", commands, got, want)
	}
}
