package docstest

import (
	"bytes"
	"os"
	"testing"
)

// CheckGenerated compares the part of a file between the first start and the next end with want. If end is "", the part
// reaches to the end of the file. With update, it writes want to the file instead.
func CheckGenerated(t *testing.T, update bool, file, start, end, want string) {
	t.Helper()
	content, err := os.ReadFile(file) //nolint:gosec // the test names the file
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := bytes.Cut(content, []byte(start))
	if !found {
		t.Fatalf("%s does not contain %q", file, start)
	}
	got, after := rest, []byte(nil)
	if end != "" {
		i := bytes.Index(rest, []byte(end))
		if i < 0 {
			t.Fatalf("%s does not contain %q after %q", file, end, start)
		}
		got, after = rest[:i], rest[i:]
	}
	if string(got) == want {
		return
	}
	if !update {
		t.Errorf("%s is out of date. Run this test with -update. Got\n%s\nwant\n%s", file, got, want)
		return
	}
	content = bytes.Join([][]byte{before, []byte(start), []byte(want), after}, nil)
	if err := os.WriteFile(file, content, 0o600); err != nil { //nolint:gosec // see above
		t.Fatal(err)
	}
}
