package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// growth measures how the cost of each kind of request grows with the menu.
func (b *bench) growth(ctx context.Context) error {
	b.report.add("\n| items | JSON | import | start | memory | list | page | search | write |\n|---|---|---|---|---|---|---|---|---|")
	lines := map[string][]point{}
	for _, size := range b.sizes {
		log.Printf("%d items", size)
		begun := time.Now()
		folder, err := b.folder()
		if err != nil {
			return err
		}
		database := "sqlite:" + filepath.Join(folder, "menu.db")
		if err := b.fill(ctx, database, size); err != nil {
			return err
		}
		imported := time.Since(begun)
		bytes, err := jsonSize(ctx, b, database)
		if err != nil {
			return err
		}
		ours, err := b.product(ctx, database, "SEED_MENU=false")
		if err != nil {
			return err
		}
		if err := ours.settle(ctx); err != nil { // the search index of an import is built in the background
			ours.stop()
			return err
		}
		middle := strconv.Itoa(size / 2)
		cell := map[string]string{}
		for _, request := range []struct {
			name string
			load load
		}{
			{"list", read("/items", 4)},
			{"page", read("/items?limit=20&sort=price&after=25."+middle, 4)},
			{"search", read("/items?limit=20&q=unheard", 4)},
			{"write", ours.post(4)},
		} {
			request.load.duration = 2 * time.Second
			uncached := request.name == "page" || request.name == "search"
			if uncached {
				took, err := b.oneByOne(ours, request.load.path)
				if err != nil {
					ours.stop()
					return err
				}
				cell[request.name] = took.Round(time.Microsecond).String()
				lines[request.name] = append(lines[request.name], point{float64(size), ms(took)})
				continue
			}
			r, err := b.measure(ctx, ours, request.load)
			if err != nil {
				ours.stop()
				return err
			}
			cell[request.name] = r.p50.String()
			lines[request.name] = append(lines[request.name], point{float64(size), ms(r.p50)})
		}
		memory := ours.memory()
		start := ours.start
		ours.stop()
		lines["start"] = append(lines["start"], point{float64(size), ms(start)})
		b.report.add("| %d | %.1f MB | %s | %.1f ms | %.0f MB | %s | %s | %s | %s |", size, float64(bytes)/1e6,
			imported.Round(time.Millisecond), ms(start), float64(memory)/1e6, cell["list"], cell["page"], cell["search"], cell["write"])
		_ = os.RemoveAll(folder)
	}
	return b.chart("growth.svg", "How long a request takes", "items on the menu", "ms", lines)
}

// oneByOne sends another request each time, so that no response comes from the cache, and returns the median.
func (b *bench) oneByOne(s *server, path string) (time.Duration, error) {
	var took []time.Duration
	for i := range 20 {
		begun := time.Now()
		if _, _, err := get(fmt.Sprintf("%s%s&nothing=%d", s.url, path, i)); err != nil {
			return 0, err
		}
		took = append(took, time.Since(begun))
	}
	return median(took, func(d time.Duration) time.Duration { return d }), nil
}

// jsonSize is how many bytes all items have as JSON.
func jsonSize(ctx context.Context, b *bench, database string) (int64, error) {
	folder, err := b.folder()
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	file := filepath.Join(folder, "items.jsonl")
	if err := b.export(ctx, database, file); err != nil {
		return 0, err
	}
	info, err := os.Stat(file)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// connections measures more and more connections: busy ones, and idle event streams beside busy ones.
func (b *bench) connections(ctx context.Context) error {
	ours, stop, err := b.withItems(ctx, 3)
	if err != nil {
		return err
	}
	defer stop()
	bare, err := b.bare(ctx, ours)
	if err != nil {
		return err
	}
	defer bare.stop()
	lines := map[string][]point{}
	b.report.add("\n| connections | rate / bare | requests per second | p50 | p99 | failed | memory |\n|---|---|---|---|---|---|---|")
	for _, n := range []int{1, 10, 100, 1000, 10_000} {
		results, err := b.alternate(ctx, []*server{bare, ours}, func(*server) load { return read("/items", n) })
		if err != nil {
			return err
		}
		rate := func(r result) float64 { return r.perSecond }
		own := results[ours]
		var failed int64
		for _, r := range own {
			failed += r.failed
		}
		b.report.add("| %d | %.2f | %.0f | %.2f ms | %.2f ms | %d | %.0f MB |", n, ratio(own, results[bare], rate), median(own, rate),
			ms(median(own, func(r result) time.Duration { return r.p50 })), ms(median(own, func(r result) time.Duration { return r.p99 })),
			failed, float64(ours.memory())/1e6)
		lines["busy connections"] = append(lines["busy connections"], point{float64(n), median(own, rate)})
	}

	streaming, stopStreaming, err := b.withItems(ctx, 3)
	if err != nil {
		return err
	}
	defer stopStreaming()
	before, err := streaming.liveMemory()
	if err != nil {
		return err
	}
	var streams []net.Conn
	defer func() {
		for _, c := range streams {
			_ = c.Close()
		}
	}()
	b.report.add("\n| idle event streams | requests per second on 32 others | p99 | memory | each stream after a collection |\n|---|---|---|---|---|")
	for _, n := range []int{1, 10, 100, 1000, 10_000} {
		for len(streams) < n {
			c, err := net.Dial("tcp", streaming.url[len("http://"):])
			if err != nil {
				return err
			}
			streams = append(streams, c)
			if _, err := fmt.Fprintf(c, "GET /items/events HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n"); err != nil {
				return err
			}
			if _, err := c.Read(make([]byte, 1024)); err != nil {
				return err
			}
		}
		live, err := streaming.liveMemory()
		if err != nil {
			return err
		}
		r, err := b.measure(ctx, streaming, read("/items", 32))
		if err != nil {
			return err
		}
		b.report.add("| %d | %.0f | %.2f ms | %.0f MB | %.1f KB |", n, r.perSecond, ms(r.p99), float64(streaming.memory())/1e6, float64(live-before)/float64(n)/1000)
		lines["beside idle event streams"] = append(lines["beside idle event streams"], point{float64(n), r.perSecond})
	}
	return b.chart("connections.svg", "Requests", "connections", "per second", lines)
}

// cores compares one core with two, for our server and the bare one.
func (b *bench) cores(ctx context.Context) error {
	b.report.add("\n| cores | request | bare net/http | menu-api | ratio |\n|---|---|---|---|---|")
	for _, cores := range []string{"1", "2"} {
		ours, stop, err := b.withItems(ctx, 3, "GOMAXPROCS="+cores)
		if err != nil {
			return err
		}
		bare, err := b.bare(ctx, ours, "GOMAXPROCS="+cores)
		if err != nil {
			stop()
			return err
		}
		for name, of := range map[string]func(*server) load{
			"GET list": func(s *server) load { return read(s.list, 32) },
			"POST":     func(s *server) load { return s.post(32) },
		} {
			results, err := b.alternate(ctx, []*server{bare, ours}, of)
			if err != nil {
				bare.stop()
				stop()
				return err
			}
			perSecond := func(r result) float64 { return r.perSecond }
			base, own := median(results[bare], perSecond), median(results[ours], perSecond)
			b.report.add("| %s | %s | %.0f/s | %.0f/s | %.2f |", cores, name, base, own, own/base)
		}
		bare.stop()
		stop()
	}
	return nil
}
