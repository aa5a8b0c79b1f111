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

// block is a block of commands in a page, and what the page says that they print, "" when it says nothing.
type block struct{ commands, printed string }

var fenced = regexp.MustCompile("(?ms)^```sh\n(.*?)^```\n(?:```\n(.*?)^```\n)?")

func blocksOf(tb testing.TB, file string) []block {
	tb.Helper()
	page, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	var blocks []block
	for _, m := range fenced.FindAllStringSubmatch(string(page), -1) {
		blocks = append(blocks, block{m[1], m[2]})
	}
	return blocks
}

// shell runs commands as the pages have them: one after the other in one shell, against the server of the test. What each
// block prints ends with its own mark.
func shell(tb testing.TB, server *devServer, api string, blocks []block) []string {
	tb.Helper()
	const mark = "\x1e"
	var script strings.Builder
	for _, b := range blocks {
		script.WriteString(b.commands + "printf '" + mark + "'\n")
	}
	text := strings.NewReplacer(
		"http://localhost:7000", api,
		"go run . token", server.binary+" token",
	).Replace(script.String())
	cmd := exec.CommandContext(context.WithoutCancel(tb.Context()), "bash", "-c", text)
	cmd.Env = append(os.Environ(), "DEV_IDP_PORT="+server.issuerPort)
	cmd.Dir = tb.TempDir()
	output, err := cmd.Output()
	if err != nil {
		tb.Fatalf("%v\n%s", err, output)
	}
	return strings.Split(strings.TrimSuffix(string(output), mark), mark)
}

// instance is the request id in a problem, which is another each time.
var instance = regexp.MustCompile(`"instance":"[^"]*"`)

func normalise(s string) string {
	return strings.TrimSpace(instance.ReplaceAllString(s, `"instance":"…"`))
}

// TestCurlPage runs docs/curl.md as a reader does, and compares what is printed with what the page says.
func TestCurlPage(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds the program: left out by -short")
	}
	server := mustStartDev(t)
	blocks := blocksOf(t, "curl.md")
	if len(blocks) < 5 {
		t.Fatalf("found %d blocks in curl.md, want all", len(blocks))
	}
	printed := shell(t, server, docstest.Proxy(t, server.api), blocks)
	for i, b := range blocks {
		if got, want := normalise(printed[i]), normalise(b.printed); got != want {
			t.Errorf("%s\nprints\n%s\nbut the page says\n%s", b.commands, got, want)
		}
	}
	server.stop(t)
}

// TestReadmeQuickstart runs the first requests of README.md, and checks what it says of them.
func TestReadmeQuickstart(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds the program: left out by -short")
	}
	var quickstart []block
	for _, b := range blocksOf(t, "../README.md") {
		if strings.Contains(b.commands, "curl http://localhost:7000/items\n") {
			quickstart = []block{b}
			break
		}
	}
	if quickstart == nil {
		t.Fatal("README.md does not have the first requests any more")
	}
	server := mustStartDev(t)
	printed := shell(t, server, docstest.Proxy(t, server.api), quickstart)[0]
	// "The first prints the menu, the second is 401, the third 201."
	statuses := regexp.MustCompile(`HTTP/1.1 (\d+)`).FindAllStringSubmatch(printed, -1)
	if !strings.HasPrefix(printed, `{"1":{"id":1,"name":"Burger"`) || len(statuses) != 2 || statuses[0][1] != "401" || statuses[1][1] != "201" {
		t.Errorf("the first requests of README.md print\n%s", printed)
	}
	server.stop(t)
}
