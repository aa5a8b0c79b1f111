package deploy

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestMonitoringNamesMetrics checks that the dashboard and the alerts use only metrics of docs/operations.md, that the
// dashboard shows all of them, and that the document names each alert. TestOperationsDocument compares the document with the
// running program.
func TestMonitoringNamesMetrics(t *testing.T) {
	t.Parallel()
	operations := string(mustReadFile(t, "docs/operations.md"))
	exported := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (counter|gauge|histogram) \\|").FindAllStringSubmatch(operations, -1) {
		exported[row[1]] = true
		if row[2] == "histogram" {
			exported[row[1]+"_bucket"], exported[row[1]+"_count"] = true, true
		}
	}
	if len(exported) < 20 {
		t.Fatalf("got the metrics %v from docs/operations.md, want more", exported)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(mustReadFile(t, "deploy/grafana/dashboard.json"), &dashboard); err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			for _, name := range metricNames(target.Expr) {
				shown[name] = true
				if !known(exported, name) {
					t.Errorf("the panel %q uses %s, which the program does not export", panel.Title, name)
				}
			}
		}
	}
	for name := range exported {
		// The time that requests wait for the pool says more than these counts, and the build is a constant.
		if strings.HasSuffix(name, "_bucket") || strings.HasSuffix(name, "_count") || name == "go_build_info" || name == "store_pool_acquires_total" || name == "store_pool_waits_total" {
			continue
		}
		if !shown[name] && !shown[name+"_bucket"] {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal(mustReadFile(t, "deploy/prometheus/rules.yaml"), &rules); err != nil {
		t.Fatal(err)
	}
	tests := string(mustReadFile(t, "deploy/prometheus/rules_test.yaml"))
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			for _, name := range metricNames(rule.Expr) {
				if name != "up" && !known(exported, name) {
					t.Errorf("the alert %s uses %s, which the program does not export", rule.Alert, name)
				}
			}
			if !strings.Contains(tests, "  - name: "+rule.Alert+"\n") {
				t.Errorf("rules_test.yaml has no test of the alert %s", rule.Alert)
			}
			if !strings.Contains(operations, "`"+rule.Alert+"`") {
				t.Errorf("docs/operations.md has no instructions for the alert %s", rule.Alert)
			}
		}
	}
}

// known reports whether the program exports the metric. Prometheus' collectors add the metrics of Go and of the process.
func known(exported map[string]bool, name string) bool {
	return exported[name] || regexp.MustCompile(`^(go_(goroutines|memstats_heap_inuse_bytes)|process_(resident_memory_bytes|cpu_seconds_total|start_time_seconds))$`).MatchString(name)
}

// metricNames returns the names in an expression that have a selector. Each metric of ours has one, for the job.
func metricNames(expr string) (names []string) {
	for _, match := range regexp.MustCompile(`([a-z_]+)\{`).FindAllStringSubmatch(expr, -1) {
		names = append(names, match[1])
	}
	return names
}
