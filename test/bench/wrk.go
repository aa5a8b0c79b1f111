package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

//go:embed wrk.lua
var script []byte

// load is what is sent to a server.
type load struct {
	method      string
	path        string
	body        string
	headers     []string
	connections int
	duration    time.Duration
}

// result is what came of it.
type result struct {
	perSecond  float64
	cpu        time.Duration // of the server, for each request
	p50, p99   time.Duration
	failed     int64
	serverUsed float64 // cores
}

var wrkResult = regexp.MustCompile(`RESULT (\d+) (\d+) (\d+) (\d+) (\d+)`)

// measure puts the load on the server.
func (b *bench) measure(ctx context.Context, s *server, l load) (result, error) {
	file := filepath.Join(b.work, "wrk.lua")
	if err := os.WriteFile(file, script, 0o600); err != nil {
		return result{}, err
	}
	duration := l.duration
	if duration == 0 {
		duration = b.duration
	}
	threads := min(2, l.connections)
	cmd := exec.CommandContext(ctx, "wrk", "-t", fmt.Sprint(threads), "-c", fmt.Sprint(l.connections),
		"-d", fmt.Sprintf("%ds", max(1, int(duration.Seconds()))), "--timeout", "10s", "-s", file, s.url+l.path)
	cmd.Env = append(os.Environ(), "BENCH_METHOD="+l.method, "BENCH_BODY="+l.body, "BENCH_HEADERS="+strings.Join(l.headers, "\n"))
	before, begun := s.cpu(), time.Now()
	out, err := cmd.CombinedOutput()
	used, took := s.cpu()-before, time.Since(begun)
	if err != nil {
		return result{}, fmt.Errorf("wrk: %w\n%s", err, out)
	}
	match := wrkResult.FindStringSubmatch(string(out))
	if match == nil {
		return result{}, fmt.Errorf("wrk says\n%s", out)
	}
	var n [5]int64
	for i := range n {
		fmt.Sscan(match[i+1], &n[i])
	}
	if n[0] == 0 {
		return result{}, fmt.Errorf("no request succeeded:\n%s", out)
	}
	return result{
		perSecond: float64(n[0]) / (float64(n[1]) / 1e6),
		cpu:       used / time.Duration(n[0]),
		p50:       time.Duration(n[2]) * time.Microsecond, p99: time.Duration(n[3]) * time.Microsecond,
		failed: n[4], serverUsed: used.Seconds() / took.Seconds(),
	}, nil
}

// alternate measures each server in turn, some rounds long, so that what else the machine does hits all of them alike.
func (b *bench) alternate(ctx context.Context, servers []*server, of func(*server) load) (map[*server][]result, error) {
	results := map[*server][]result{}
	for range b.rounds {
		for _, s := range servers {
			r, err := b.measure(ctx, s, of(s))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			results[s] = append(results[s], r)
		}
	}
	return results, nil
}

func median[T any, V int64 | float64 | time.Duration](list []T, of func(T) V) V {
	values := make([]V, len(list))
	for i, entry := range list {
		values[i] = of(entry)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// spread is how far apart the results of one server lie, as a share of their median.
func spread(list []result) float64 {
	least, most := list[0].perSecond, list[0].perSecond
	for _, r := range list {
		least, most = min(least, r.perSecond), max(most, r.perSecond)
	}
	return (most - least) / median(list, func(r result) float64 { return r.perSecond })
}
