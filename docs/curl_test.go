//go:build external

package docs_test

import (
	"context"
	"os"
	"os/exec"
	"regexp"
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

// requestID is the request id in a problem document. It differs in every run.
var requestID = regexp.MustCompile(`"instance":"[^"]*"`)

func normalise(s string) string {
	return strings.TrimSpace(requestID.ReplaceAllString(s, `"instance":"…"`))
}

// TestCurlPage runs the commands of docs/curl.md and compares their output with the page.
func TestCurlPage(t *testing.T) {
	t.Parallel()
	blocks := blocksIn(t, "docs/curl.md")
	if len(blocks) < 5 {
		t.Fatalf("got %d blocks in curl.md, want all", len(blocks))
	}
	outputs := runBlocks(t, blocks)
	for i, b := range blocks {
		if got, want := normalise(outputs[i]), normalise(b.output); got != want {
			t.Errorf("%s\ngot\n%s\nwant, as in the page,\n%s", b.commands, got, want)
		}
	}
}

// TestReadmeQuickstart runs the first requests of README.md and checks that they have the effect that it describes: "The
// first prints the menu, the second is 401, the third 201."
func TestReadmeQuickstart(t *testing.T) {
	t.Parallel()
	for _, b := range blocksIn(t, "README.md") {
		if !strings.Contains(b.commands, "curl http://localhost:7000/items\n") {
			continue
		}
		output := runBlocks(t, []block{b})[0]
		statuses := regexp.MustCompile(`HTTP/1.1 (\d+)`).FindAllStringSubmatch(output, -1)
		if !strings.HasPrefix(output, `{"1":{"id":1,"name":"Burger"`) || len(statuses) != 2 || statuses[0][1] != "401" || statuses[1][1] != "201" {
			t.Errorf("the first requests of README.md print\n%s", output)
		}
		return
	}
	t.Fatal("README.md does not contain the first requests")
}
