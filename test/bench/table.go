package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const newItem = `{"item":{"name":"Soup of the day","price":4.5,"description":"Warm, with bread","image":"https://example.com/soup.png"}}`

// bareItem is the same for PocketBase, which takes it unwrapped.
const bareItem = `{"name":"Soup of the day","price":4.5,"description":"Warm, with bread","image":"https://example.com/soup.png"}`

func read(path string, connections int, headers ...string) load {
	return load{method: "GET", path: path, connections: connections, headers: headers}
}

func (s *server) post(connections int) load {
	l := load{method: "POST", path: s.list, body: newItem, connections: connections, headers: []string{
		"Authorization: Bearer " + s.token, "Content-Type: application/json",
	}}
	if s.name == "PocketBase" {
		l.body = bareItem
	}
	return l
}

// table compares the servers at three and at a thousand items.
func (b *bench) table(ctx context.Context) error {
	folder, err := b.folder()
	if err != nil {
		return err
	}
	database := "sqlite:" + filepath.Join(folder, "menu.db")
	first, err := b.product(ctx, database)
	if err != nil {
		return err
	}
	first.stop() // the database is there from now on
	ours, err := b.product(ctx, database)
	if err != nil {
		return err
	}
	defer ours.stop()
	bare, err := b.bare(ctx, ours)
	if err != nil {
		return err
	}
	defer bare.stop()
	floor, err := b.gin(ctx, ours)
	if err != nil {
		return err
	}
	defer floor.stop()
	servers := []*server{bare, floor, ours}
	if peer, err := b.pocketbase(ctx, folder); err == nil {
		peer.stop()
		if peer, err = b.pocketbase(ctx, folder); err != nil {
			return err
		}
		defer peer.stop()
		servers = append(servers, peer)
	} else {
		log.Printf("without PocketBase: %v", err)
	}

	b.report.add("| request | server | rate / bare | per second | CPU/request | CPU / bare | CPU / Gin | p50 | p99 | p99 / Gin | spread |\n" +
		"|---|---|---|---|---|---|---|---|---|---|---|")
	row := func(what string, servers []*server, of func(*server) load) error {
		log.Print(what)
		results, err := b.alternate(ctx, servers, of)
		if err == nil {
			b.addRows(what, servers, results)
		}
		return err
	}
	if err := row("GET list, 3 items", servers, func(s *server) load { return read(s.list, 32) }); err != nil {
		return err
	}
	three := []*server{bare, floor, ours}
	if err := row("GET one", three, func(s *server) load { return read(s.one, 32) }); err != nil {
		return err
	}
	_, header, err := get(ours.url + ours.list)
	if err != nil {
		return err
	}
	err = row("GET list, 304", three, func(s *server) load {
		tag := `"1-fixed"`
		if s == ours {
			tag = header.Get("ETag")
		}
		return read(s.list, 32, "If-None-Match: "+tag)
	})
	if err != nil {
		return err
	}

	many, stop, err := b.withItems(ctx, 1000)
	if err != nil {
		return err
	}
	defer stop()
	bareMany, err := b.bare(ctx, many)
	if err != nil {
		return err
	}
	defer bareMany.stop()
	if err := row("GET list, 1,000 items", []*server{bareMany, many}, func(s *server) load { return read(s.list, 32) }); err != nil {
		return err
	}
	memory := map[*server]int64{}
	servers = slices.DeleteFunc(servers, func(s *server) bool { return s == floor })
	for _, s := range servers {
		memory[s] = s.memory() // after the reads, before the menu grows
	}
	if err := row("guarded POST, 32 connections", servers, func(s *server) load { return s.post(32) }); err != nil {
		return err
	}
	if err := row("guarded POST, 1 connection", servers, func(s *server) load { return s.post(1) }); err != nil {
		return err
	}
	fsync, err := b.fsync(folder)
	if err != nil {
		return err
	}
	b.report.add("\nOne write of 4 KB with fsync takes %s here (median).", fsync)

	b.report.add("\n| server | start to first response | memory after the reads |\n|---|---|---|")
	starts := map[string]func() (*server, error){
		"bare net/http": func() (*server, error) { return b.bare(ctx, ours) },
		"menu-api":      func() (*server, error) { return b.product(ctx, database) },
		"PocketBase":    func() (*server, error) { return b.pocketbase(ctx, folder) },
	}
	// The database has what the writes have put in by now; a start reads all of it once, so it gets a new one of three items.
	fresh, err := b.folder()
	if err != nil {
		return err
	}
	database = "sqlite:" + filepath.Join(fresh, "menu.db")
	for _, s := range servers {
		var took []time.Duration
		for i := range b.rounds + 1 {
			again, err := starts[s.name]()
			if err != nil {
				return err
			}
			if i > 0 {
				took = append(took, again.start)
			}
			again.stop()
		}
		start := median(took, func(d time.Duration) time.Duration { return d })
		b.report.add("| %s | %.1f ms | %.0f MB |", s.name, float64(start.Microseconds())/1000, float64(memory[s])/1e6)
	}
	return nil
}

// addRows adds a row for each server. The ratios are to the first one and to Gin.
func (b *bench) addRows(what string, servers []*server, results map[*server][]result) {
	rate := func(r result) float64 { return r.perSecond }
	cpu := func(r result) float64 { return float64(r.cpu) }
	p50 := func(r result) float64 { return float64(r.p50) }
	p99 := func(r result) float64 { return float64(r.p99) }
	base, floor := results[servers[0]], results[servers[1]]
	withFloor := servers[1].name == ginName
	for _, s := range servers {
		list := results[s]
		var failed int64
		for _, r := range list {
			failed += r.failed
		}
		note := ""
		if failed > 0 {
			note = fmt.Sprintf(" (%d failed)", failed)
		}
		cpuToGin, p99ToGin := "", ""
		if withFloor {
			cpuToGin, p99ToGin = fmt.Sprintf("%.2f", ratio(list, floor, cpu)), fmt.Sprintf("%.2f", ratio(list, floor, p99))
		}
		b.report.add("| %s%s | %s | %.2f | %.0f | %.1f µs | %.2f | %s | %.2f ms | %.2f ms | %s | %.0f %% |", what, note, s.name,
			ratio(list, base, rate), median(list, rate), median(list, cpu)/1e3, ratio(list, base, cpu), cpuToGin,
			median(list, p50)/1e6, median(list, p99)/1e6, p99ToGin, 100*spread(list))
	}
}

// ratio returns the median of the rounds' own ratios: what disturbs a round disturbs both servers.
func ratio(list, base []result, of func(result) float64) float64 {
	ratios := make([]float64, len(list))
	for i := range list {
		ratios[i] = of(list[i]) / of(base[i])
	}
	return median(ratios, func(f float64) float64 { return f })
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// withItems starts our server on a new database of n items.
func (b *bench) withItems(ctx context.Context, n int, more ...string) (*server, func(), error) {
	folder, err := b.folder()
	if err != nil {
		return nil, nil, err
	}
	database := "sqlite:" + filepath.Join(folder, "menu.db")
	if err := b.fill(ctx, database, n); err != nil {
		return nil, nil, err
	}
	s, err := b.product(ctx, database, append(more, "SEED_MENU=false")...)
	if err != nil {
		return nil, nil, err
	}
	return s, func() { s.stop(); _ = os.RemoveAll(folder) }, nil
}

// fill imports n items into a new database.
func (b *bench) fill(ctx context.Context, database string, n int) error {
	folder, err := b.folder()
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	file, err := os.Create(filepath.Join(folder, "items.jsonl"))
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(file)
	for i := range n {
		encoder.Encode(map[string]any{"item": map[string]any{ //nolint:errcheck // the import would miss it
			"name": fmt.Sprintf("%s %s %d", adjectives[i%len(adjectives)], dishes[i/7%len(dishes)], i+1), "price": float64(i%5000) / 100,
			"description": "Made from what the season has, as the house has made it for years",
			"image":       fmt.Sprintf("https://cdn.example.com/menu/%d.png", i+1), "category": dishes[i/7%len(dishes)],
		}})
	}
	if err := file.Close(); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "menu-api"), "import", "--env-file", "/dev/null", file.Name())
	cmd.Env = b.productEnv(database)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("import: %w\n%s", err, out)
	}
	return nil
}

// export writes all items of a database into a file, one a line.
func (b *bench) export(ctx context.Context, database, file string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "menu-api"), "export", "--env-file", "/dev/null", "--history=false", file)
	cmd.Env = b.productEnv(database)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("export: %w\n%s", err, out)
	}
	return nil
}

var (
	adjectives = []string{"Grilled", "Baked", "Crispy", "Slow", "Fresh", "Smoked", "Spicy"}
	dishes     = []string{"Burger", "Pizza", "Salad", "Soup", "Pasta", "Curry", "Tart", "Tea", "Juice", "Stew"}
)

// fsync measures what the disk takes for one durable write.
func (b *bench) fsync(folder string) (time.Duration, error) {
	file, err := os.Create(filepath.Join(folder, "fsync"))
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }()
	page := []byte(strings.Repeat("x", 4096))
	var took []time.Duration
	for range 500 {
		begun := time.Now()
		if _, err := file.Write(page); err != nil {
			return 0, err
		}
		if err := file.Sync(); err != nil {
			return 0, err
		}
		took = append(took, time.Since(begun))
	}
	return median(took, func(d time.Duration) time.Duration { return d }), nil
}
