//go:build external

package test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"menu-api/docs/docstest"
	"menu-api/items/postgres/pgtest"
)

var update = flag.Bool("update", false, "rewrite the table of metrics in docs/operations.md")

// TestOperationsDocument runs the program over both engines, sends requests of every kind, and compares its metrics and log
// fields with docs/operations.md.
func TestOperationsDocument(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("docs/operations.md")
	must(t, err)
	document := string(raw)
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer collector.Close()

	metrics, fields := map[string]metric{}, map[string]bool{}
	for _, database := range []string{"sqlite:" + t.TempDir() + "/menu.db", pgtest.NewDatabase(t)} {
		p := start(t, "dev", env{
			"DATABASE_URL": database, "METRICS_ADDR": "127.0.0.1:0", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL,
			"RATE_LIMIT_WRITES_PER_MINUTE": "1", "LOG_LEVEL": "debug",
		})
		admin := p.token("admin")
		for _, token := range []string{admin, admin, p.token("customer"), "", "x.y"} {
			p.do(http.MethodPost, "/items", token, soup)
		}
		p.do(http.MethodGet, "/made/up", "", "")
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
			_, text := p.send(http.DefaultClient, p.request(http.MethodGet, p.metricsURL(), nil))
			maps.Copy(metrics, parseMetrics(text))
			if _, sent := metrics["trace_spans_total"]; sent || time.Now().After(deadline) {
				break // spans are sent every few seconds
			}
		}
		if err := p.stop(); err != nil {
			t.Error(err)
		}
		for line := range strings.Lines(p.out.String()) {
			var entry map[string]any
			if json.Unmarshal([]byte(line), &entry) == nil && entry["msg"] == "request" {
				for field := range entry {
					fields[field] = true
				}
			}
		}
	}

	var table strings.Builder
	table.WriteString("\n| metric | type | labels | meaning |\n|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		if strings.HasPrefix(name, "process_") || strings.HasPrefix(name, "go_") && name != "go_build_info" {
			continue // the document describes these in one sentence
		}
		m := metrics[name]
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", name, m.kind, m.labels, m.help)
	}
	docstest.CheckGenerated(t, *update, "docs/operations.md",
		"\n<!-- Generated: go test -tags external ./test -run TestOperationsDocument -update -->\n", "<!-- End -->", table.String()+"\n")

	_, log, _ := strings.Cut(document, "\n## The log\n")
	log, _, _ = strings.Cut(log, "\n## ")
	documented := map[string]bool{"time": true, "level": true, "msg": true}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(log, -1) {
		documented[row[1]] = true
	}
	if !maps.Equal(fields, documented) {
		t.Errorf("the document has the fields %v, the log %v", slices.Sorted(maps.Keys(documented)), slices.Sorted(maps.Keys(fields)))
	}

	// The metrics and problems that the text mentions exist.
	for _, name := range regexp.MustCompile(`\b(http|auth|rate_limit|jwks|store|event|trace|process)_[a-z_]+[a-z]\b`).FindAllString(document, -1) {
		base := name
		for _, suffix := range []string{"_bucket", "_count"} {
			base = strings.TrimSuffix(base, suffix)
		}
		if _, ok := metrics[base]; !ok && !documented[name] {
			t.Errorf("the document names %s, which is not a metric", name)
		}
	}
	problems, err := os.ReadFile("server/problem.go")
	must(t, err)
	for _, found := range regexp.MustCompile("(?:[45][0-9]{2}` |type=\")`?([a-z]+(?:-[a-z]+)+)").FindAllStringSubmatch(document, -1) {
		if !strings.Contains(string(problems), `"`+found[1]+`"`) {
			t.Errorf("the document names the problem %s, which the program does not have", found[1])
		}
	}
}

type metric struct{ help, kind, labels string }

// parseMetrics returns the metrics in Prometheus' text format that have a series.
func parseMetrics(text string) map[string]metric {
	metrics := map[string]metric{}
	var help, kind string
	for line := range strings.Lines(text) {
		switch fields := strings.Fields(line); {
		case strings.HasPrefix(line, "# HELP "):
			help = strings.Join(fields[3:], " ")
			continue
		case strings.HasPrefix(line, "# TYPE "):
			kind = fields[3]
			metrics[fields[2]] = metric{help, kind, ""}
			continue
		}
		series := regexp.MustCompile(`^([a-z_]+)\{(.*)\} `).FindStringSubmatch(line)
		if series == nil {
			continue
		}
		var labels []string
		for _, label := range regexp.MustCompile(`([a-z_]+)="[^"]*"`).FindAllStringSubmatch(series[2], -1) {
			if label[1] != "le" {
				labels = append(labels, "`"+label[1]+"`")
			}
		}
		name := series[1]
		if kind == "histogram" {
			name = regexp.MustCompile("_(bucket|sum|count)$").ReplaceAllString(name, "")
		}
		slices.Sort(labels)
		metrics[name] = metric{help, kind, strings.Join(labels, ", ")}
	}
	return metrics
}
