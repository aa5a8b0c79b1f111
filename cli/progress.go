package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"menu-api/items/transfer"
	"menu-api/server/telemetry"
)

// progress shows the progress of a command on a terminal. Elsewhere it prints only the last line.
type progress struct {
	to    io.Writer
	bar   *progressbar.ProgressBar
	began time.Time
}

// unknown is the size of a file or stream whose size is not known.
const unknown = -1

// byRecords starts the progress of a command that counts records.
func byRecords(to io.Writer, what string) *progress { return newProgress(to, what, unknown, false) }

// byBytes starts the progress of a command that counts bytes. size is their number, or unknown.
func byBytes(to io.Writer, what string, size int64) *progress {
	return newProgress(to, what, size, true)
}

func newProgress(to io.Writer, what string, size int64, bytes bool) *progress {
	return &progress{to: to, began: time.Now(), bar: progressbar.NewOptions64(size,
		progressbar.OptionSetVisibility(telemetry.IsTerminal(to)),
		progressbar.OptionSetWriter(to),
		progressbar.OptionSetDescription(what),
		progressbar.OptionShowBytes(bytes),
		progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetSpinnerChangeInterval(0), // otherwise a goroutine keeps drawing after the end
		progressbar.OptionClearOnFinish(),
	)}
}

// reader counts the bytes that are read through it.
func (p *progress) reader(from io.Reader) io.Reader {
	reader := progressbar.NewReader(from, p.bar)
	return &reader
}

// moved counts records. It updates the bar only every thousand records.
func (p *progress) moved(count transfer.Count) {
	if n := count.Items + count.Changes; n%1000 == 0 {
		_ = p.bar.Set64(n)
	}
}

// watch shows how a file grows, until stop is called.
func (p *progress) watch(file *os.File) (stop func()) {
	stopped, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stopped:
				return
			case <-time.After(200 * time.Millisecond):
				if info, err := file.Stat(); err == nil {
					_ = p.bar.Set64(info.Size())
				}
			}
		}
	}()
	return func() { close(stopped); <-done }
}

// end removes the bar.
func (p *progress) end() { _ = p.bar.Finish() }

// done removes the bar and prints what was done and how long it took.
func (p *progress) done(what string) {
	p.end()
	took, precision := time.Since(p.began), time.Millisecond
	if took > 10*time.Second {
		precision = time.Second
	}
	_, _ = fmt.Fprintf(p.to, "%s in %v\n", what, took.Round(precision))
}
