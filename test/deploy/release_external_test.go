//go:build external

package deploy

import (
	"os/exec"
	"regexp"
	"strconv"
	"testing"
)

// TestWorkflows checks the workflows with actionlint.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	mustRun(t, "go", "run", "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12")
}

// TestUnitIsHardened rates the sandbox of the systemd unit. systemd calls an exposure of up to 2 "OK" and 10 "dangerous".
func TestUnitIsHardened(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("needs systemd-analyze")
	}
	output := mustRun(t, "systemd-analyze", "security", "--offline=true", "--no-pager", "deploy/systemd/menu-api.service")
	match := regexp.MustCompile(`Overall exposure level for menu-api.service: ([\d.]+)`).FindStringSubmatch(output)
	if match == nil {
		t.Fatalf("got no exposure level:\n%s", output)
	}
	if level, err := strconv.ParseFloat(match[1], 64); err != nil || level > 2 {
		t.Errorf("got the exposure level %s, want at most 2\n%s", match[1], output)
	}
}

// TestAlerts runs the tests of the alerts.
func TestAlerts(t *testing.T) {
	t.Parallel()
	mustRun(t, "promtool", "check", "rules", "deploy/prometheus/rules.yaml")
	mustRun(t, "promtool", "test", "rules", "deploy/prometheus/rules_test.yaml")
}
