//go:build external

package docs_test

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"menu-api/docs/docstest"
)

// block is a block of commands in a page, with the output that the page shows, "" if it shows none.
type block struct{ commands, output string }

var fencedCommands = regexp.MustCompile("(?ms)^```sh\n(.*?)^```\n(?:```\n(.*?)^```\n)?")

func blocksIn(tb testing.TB, document string) (blocks []block) {
	tb.Helper()
	for _, m := range fencedCommands.FindAllStringSubmatch(mustReadText(tb, document), -1) {
		blocks = append(blocks, block{m[1], m[2]})
	}
	return blocks
}

// runBlocks runs all blocks in one shell against a new server, and returns the output of each block.
func runBlocks(t *testing.T, blocks []block) []string {
	t.Helper()
	server := mustStartDev(t)
	const separator = "\x1e"
	var script strings.Builder
	for _, b := range blocks {
		script.WriteString(b.commands + "printf '" + separator + "'\n")
	}
	text := strings.NewReplacer(
		"http://localhost:7000", docstest.Proxy(t, server.api),
		"http://localhost:7001/", server.issuer,
		"go run . token", server.binary+" token",
	).Replace(script.String())
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "bash", "-c", text)
	cmd.Env = append(os.Environ(), "DEV_IDP_PORT="+server.issuerPort)
	cmd.Dir = t.TempDir()
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	server.stop(t)
	return strings.Split(strings.TrimSuffix(string(output), separator), separator)
}

// TestCurlPage runs the commands of docs/curl.md and compares their output with the page.
func TestCurlPage(t *testing.T) {
	t.Parallel()
	blocks := blocksIn(t, "docs/curl.md")
	if len(blocks) < 5 {
		t.Fatalf("got %d blocks in curl.md, want all", len(blocks))
	}
	checkOutputs(t, blocks)
}

// TestReadmeQuickstart runs the first requests of README.md and compares their output with the page.
func TestReadmeQuickstart(t *testing.T) {
	t.Parallel()
	requests := slices.DeleteFunc(blocksIn(t, "README.md"), func(b block) bool { return b.output == "" })
	if len(requests) != 3 {
		t.Fatalf("got %d requests in README.md, want 3", len(requests))
	}
	checkOutputs(t, requests)
}

// TestTutorial runs the commands of docs/tutorial.md and compares their output with the page.
func TestTutorial(t *testing.T) {
	t.Parallel()
	blocks := blocksIn(t, "docs/tutorial.md")
	if len(blocks) != 8 {
		t.Fatalf("got %d blocks in tutorial.md, want one for each chapter", len(blocks))
	}
	checkOutputs(t, blocks)
}

// checkOutputs runs the commands and compares their output with the page, where … matches any text.
func checkOutputs(t *testing.T, blocks []block) {
	t.Helper()
	outputs := runBlocks(t, blocks)
	for i, b := range blocks {
		want := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(b.output)), "…", ".*")
		if got := strings.TrimSpace(outputs[i]); !regexp.MustCompile("(?s)^" + want + "$").MatchString(got) {
			t.Errorf("%s\ngot\n%s\nwant, as in the page,\n%s", b.commands, got, b.output)
		}
	}
}
