package server_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"menu-api/items"
	"menu-api/server"
	"menu-api/server/telemetry"
)

// A client cannot add series with made-up paths, methods, hosts, subjects, tokens, origins or addresses.
func TestSeriesAreBounded(t *testing.T) {
	t.Parallel()
	a, options := newParts(t)
	metrics := telemetry.NewMetrics()
	options.Metrics, options.Store = metrics, items.Instrument(options.Store, nil, server.ObserveStore(metrics, nil))
	options.TrustedProxies, options.AuthFailuresPerMinute = []string{"192.0.2.1"}, 100 // httptest's own address
	s := newServer(t, options)
	send := func(i int) {
		method, path, body := "GET", "/items", ""
		headers := []string{
			"X-Request-Id", fmt.Sprint("id-", i), "Origin", fmt.Sprintf("https://%d.example", i), "Host", fmt.Sprintf("h%d.example", i),
			"X-Forwarded-For", fmt.Sprintf("198.51.%d.%d", i/256, i%256), "User-Agent", fmt.Sprint("agent-", i),
			"Traceparent", fmt.Sprintf("00-%032x-%016x-01", i+1, i+1),
		}
		switch i % 8 {
		case 0:
			path = fmt.Sprintf("/made/up/%d", i)
		case 1:
			path = fmt.Sprintf("/items/%d", i+1000)
		case 2:
			method = fmt.Sprintf("M%d", i)
		case 3:
			method, path = fmt.Sprintf("M%d", i), fmt.Sprintf("/made/up/%d", i)
		case 4:
			path = fmt.Sprintf("/items/%%ff%d?q=%d", i, i)
		case 5:
			path = fmt.Sprintf("/items?q=%d&category=c%d", i, i)
		case 6:
			method, body = "POST", soup
			headers = append(headers, "Authorization", fmt.Sprintf("Bearer made.%d.up", i))
		case 7:
			method, path = "POST", fmt.Sprintf("/items/%d/restore", i)
			if i%10 == 7 { // a token is costly to sign
				headers = append(headers, "Authorization", "Bearer "+a.issuer.TokenWith(t, items.Permissions(), map[string]any{"sub": fmt.Sprint("made-up-", i)}))
			}
		}
		handle(s.Handler(), method, path, body, headers...)
	}
	names := func() []string {
		_, series := scrape(t, metrics)
		return slices.DeleteFunc(slices.Sorted(maps.Keys(series)), func(name string) bool { return strings.HasPrefix(name, "go_") })
	}
	for i := range 400 { // each kind, the limit on bad tokens included
		send(i)
	}
	before := names()
	for i := range 400 {
		send(400 + i)
	}
	after := names()
	t.Logf("%d series before, %d after", len(before), len(after))
	if !slices.Equal(before, after) {
		t.Errorf("got new series: %v", slices.DeleteFunc(after, func(name string) bool { return slices.Contains(before, name) }))
	}
	for _, name := range after {
		if strings.Contains(name, "made") || strings.Contains(name, `"M`) || strings.Contains(name, "example") {
			t.Errorf("a client made the series %s", name)
		}
	}
}
