package cli

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"menu-api/server/telemetry"
)

func TestMetricsRejectForeignHosts(t *testing.T) {
	t.Parallel()
	handler := rejectForeignHosts("metrics.example.com:9090", telemetry.NewMetrics().Handler())
	for host, want := range map[string]int{
		"127.0.0.1:9090":           200,
		"[::1]:9090":               200,
		"10.0.0.7":                 200,
		"localhost:9090":           200,
		"menu-api:9090":            200,
		"metrics.example.com:9090": 200,
		"METRICS.example.com":      200,
		"attacker.example:9090":    421,
		"localhost.attacker.test":  421,
		"127.0.0.1.attacker.test":  421,
		"attacker.example.":        421,
	} {
		for _, path := range []string{"/metrics", "/debug/pprof/cmdline"} {
			request := httptest.NewRequest(http.MethodGet, path, http.NoBody)
			request.Host = host
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, request)
			if w.Code != want {
				t.Errorf("%s for %s: got %d, want %d", path, host, w.Code, want)
			}
		}
	}
}

func TestMetricsWarnBeyondLoopback(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]bool{"127.0.0.1:0": false, "localhost:0": false, "0.0.0.0:0": true, ":0": true} {
		var log bytes.Buffer
		stop, err := serveMetrics(t.Context(), addr, telemetry.NewMetrics(), slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		stop()
		if got := strings.Contains(log.String(), "METRICS_ADDR is not a loopback address"); got != want {
			t.Errorf("%s: got a warning: %t, want %t", addr, got, want)
		}
	}
}
