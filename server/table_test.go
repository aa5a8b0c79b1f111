package server_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// table returns the rows of a file in testdata. Each line is a row with columns between " | ". A # begins a comment.
func table(tb testing.TB, name string, columns int) [][]string {
	tb.Helper()
	content, err := os.ReadFile("testdata/" + name)
	must(tb, err)
	var rows [][]string
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		row := strings.SplitN(line, " | ", columns)
		if len(row) != columns {
			tb.Fatalf("%s: got %d columns, want %d: %s", name, len(row), columns, line)
		}
		rows = append(rows, row)
	}
	return rows
}

var repetition = regexp.MustCompile(`<(\d+) ([^>]+)>`)

// expand writes out repetitions, such as <9000 [>.
func expand(s string) string {
	return repetition.ReplaceAllStringFunc(s, func(found string) string {
		m := repetition.FindStringSubmatch(found)
		count, _ := strconv.Atoi(m[1])
		return strings.Repeat(m[2], count)
	})
}

// unescape gives \r, \n, \x00 and the like their meaning in Go.
func unescape(tb testing.TB, s string) string {
	tb.Helper()
	unescaped, err := strconv.Unquote(`"` + strings.ReplaceAll(s, `"`, `\"`) + `"`)
	if err != nil {
		tb.Fatalf("%q: %v", s, err)
	}
	return unescaped
}

func mustAtoi(tb testing.TB, s string) int {
	tb.Helper()
	n, err := strconv.Atoi(s)
	must(tb, err)
	return n
}

func manyNames(n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf(`"x%d":1`, i)
	}
	return strings.Join(names, ",")
}
