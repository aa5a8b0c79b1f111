// Command bench measures the API against a bare net/http server and against PocketBase, in one run on one machine, so that
// the ratios mean something where the numbers do not. `make bench` runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// settings are what may be asked for on the command line.
type settings struct {
	bin      string        // folder with the built programs
	out      string        // folder for the results
	rounds   int           // how often each server is measured in each scenario
	duration time.Duration // of one measurement
	sizes    []int         // of the menus whose growth is measured
	only     string        // the part to run, "" for all
}

func main() {
	log.SetFlags(log.Ltime)
	s := settings{}
	var sizes string
	flag.StringVar(&s.bin, "bin", "../../bin", "folder with the programs")
	flag.StringVar(&s.out, "out", "../../bin/bench", "folder for the results")
	flag.IntVar(&s.rounds, "rounds", 5, "how often each server is measured in each scenario")
	flag.DurationVar(&s.duration, "duration", 3*time.Second, "how long each measurement lasts")
	flag.StringVar(&sizes, "sizes", "10,1000,100000", "the sizes of the menus whose growth is measured")
	flag.StringVar(&s.only, "only", "", "run one part: table, growth, connections, cores or postgres")
	flag.Parse()
	for text := range strings.SplitSeq(sizes, ",") {
		size, err := strconv.Atoi(text)
		if err != nil {
			log.Fatalf("-sizes: %v", err)
		}
		s.sizes = append(s.sizes, size)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, s); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, s settings) error {
	if _, err := exec.LookPath("wrk"); err != nil {
		return fmt.Errorf("the load comes from wrk. On Debian: apt-get install -y wrk")
	}
	work, err := os.MkdirTemp("", "menu-api-bench-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	if err := os.MkdirAll(s.out, 0o750); err != nil {
		return err
	}
	b := &bench{settings: s, work: work, report: &report{}}
	if b.issuer, err = newIssuer(work); err != nil {
		return err
	}
	defer b.issuer.close()
	noise := watchMachine()
	for _, part := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"table", b.table},
		{"growth", b.growth},
		{"connections", b.connections},
		{"cores", b.cores},
		{"postgres", b.postgres},
	} {
		if s.only != "" && s.only != part.name {
			continue
		}
		log.Printf("part: %s", part.name)
		if err := part.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	b.report.add("\n%s", noise())
	fmt.Print(b.report.String())
	return os.WriteFile(filepath.Join(s.out, "report.md"), []byte(b.report.String()), 0o600)
}

// bench is a run.
type bench struct {
	settings
	work   string
	issuer *issuer
	report *report
	places int
}

// folder makes an empty folder.
func (b *bench) folder() (string, error) {
	b.places++
	folder := filepath.Join(b.work, strconv.Itoa(b.places))
	return folder, os.Mkdir(folder, 0o700)
}

// report is the text of the results, in Markdown.
type report struct{ strings.Builder }

func (r *report) add(format string, args ...any) { fmt.Fprintf(r, format+"\n", args...) }
