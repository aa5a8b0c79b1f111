//go:build unix

package server_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"menu-api/items"
)

// BenchmarkCompression measures lists in each coding: the bytes of a body and the CPU time of a request. "first" is the first
// request after a change of the menu, which reads, encodes and compresses it; "next" is served from the response cache.
func BenchmarkCompression(b *testing.B) {
	for _, size := range []int{10, 100, 1000} {
		_, options := newParts(b)
		options.Cache = items.NewResponseCache()
		var menu []items.Item
		for i := range size {
			menu = append(menu, items.Item{
				Name: fmt.Sprintf("Dish %d", i), Price: items.Price(i), Image: fmt.Sprintf("https://cdn.example.com/menu/%d.png", i*7919),
				Description: strings.Repeat("slow-cooked beef, house-made sauce, crispy potatoes; ", 1+i%4), Category: fmt.Sprintf("Category %d", i%9),
			})
		}
		if _, err := options.Store.Reset(b.Context(), items.AuditInfo{}, menu); err != nil {
			b.Fatal(err)
		}
		options.Logger = slog.New(slog.DiscardHandler)
		s := newServer(b, options)
		for _, coding := range []string{"identity", "gzip", "zstd"} {
			for _, request := range []string{"first", "next"} {
				b.Run(fmt.Sprintf("items=%d/%s/%s", size, request, coding), func(b *testing.B) {
					r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/items", http.NoBody)
					r.Header.Set("Accept-Encoding", coding)
					var w *discard
					before := cpuTime(b)
					for b.Loop() {
						if request == "first" {
							options.Cache.Changed()
						}
						w = &discard{header: http.Header{}}
						s.Handler().ServeHTTP(w, r)
					}
					b.ReportMetric(float64(w.size), "body-bytes")
					b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
				})
			}
		}
	}
}

// cpuTime returns the CPU time of this process, which depends less on other processes than the elapsed time.
func cpuTime(tb testing.TB) time.Duration {
	tb.Helper()
	var usage syscall.Rusage
	must(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
