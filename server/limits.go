package server

import (
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"menu-api/items"
)

const (
	// A response must be written within writeAllowance, plus a second for every minWriteRate bytes.
	writeAllowance = 10 * time.Second
	minWriteRate   = 64 << 10
	// maxUnwritten bounds the memory of the bodies that are being written to clients. A body of at most smallBody does not
	// count: a connection takes more than that.
	maxUnwritten = 64 << 20
	smallBody    = 4 << 10
)

// limitResponses bounds the time and memory of the writing of responses, and the requests in progress: a queue would only make
// every client wait. 0 means no limit. A request is in progress from takeSlot until it writes its response, so slow clients do
// not hold up the others. Probes pass, because an orchestrator would restart a busy server. Event streams have a separate limit.
func limitResponses(mostInProgress int) gin.HandlerFunc {
	var slots chan struct{}
	if mostInProgress > 0 {
		slots = make(chan struct{}, mostInProgress)
	}
	unwritten := &bodyBudget{writers: map[body]int{}}
	return func(c *gin.Context) {
		if isProbe(c) || opensStream(c) {
			return
		}
		w := &limitedWriter{ResponseWriter: c.Writer, context: c, slots: slots, unwritten: unwritten}
		defer w.freeSlot()
		c.Writer = w
		c.Next()
	}
}

// takeSlot rejects a request immediately while the maximum number is in progress. A read of the menu takes a slot only if it
// reaches the store: however many clients get the same response, they cost the store one read.
func takeSlot(c *gin.Context) {
	if w, ok := c.Writer.(*limitedWriter); ok && !w.takeSlot() {
		items.Fail(c, errBusy)
	}
}

// limitedWriter frees the slot of a request before it writes the response, and bounds the time and memory of the writing.
type limitedWriter struct {
	gin.ResponseWriter
	context   *gin.Context
	slots     chan struct{} // nil without a limit
	hasSlot   bool
	endRead   func() // ends the turn of a read of the store; nil without a turn
	unwritten *bodyBudget
	started   time.Time
	sent      int
}

// takeSlot returns false if there is no slot left.
func (w *limitedWriter) takeSlot() bool {
	if w.slots == nil || w.hasSlot {
		return true
	}
	select {
	case w.slots <- struct{}{}:
		w.hasSlot = true
	default:
	}
	return w.hasSlot
}

func (w *limitedWriter) freeSlot() {
	if w.hasSlot {
		<-w.slots
		w.hasSlot = false
	}
	if w.endRead != nil {
		w.endRead()
		w.endRead = nil
	}
}

// Write sends a part of the body. If too many bodies are waiting for their clients, a read fails with errBusy before its
// first byte. A write to the menu has taken effect by now, so its client always gets the response.
func (w *limitedWriter) Write(p []byte) (int, error) {
	w.freeSlot()
	method := w.context.Request.Method
	mayFail := !w.Written() && (method == http.MethodGet || method == http.MethodHead)
	release, ok := w.unwritten.reserve(p, mayFail)
	if !ok {
		for _, name := range []string{"Cache-Control", "Content-Encoding", "Content-Type", "ETag", "Link"} { // of the failed response
			w.Header().Del(name)
		}
		_ = w.context.Error(errBusy) // not every caller of Write looks at its error
		return 0, errBusy
	}
	defer release()
	if w.started.IsZero() {
		w.started = time.Now()
	}
	w.sent += len(p)
	deadline := w.started.Add(writeAllowance + time.Duration(w.sent)*time.Second/minWriteRate)
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(deadline)
	return w.ResponseWriter.Write(p)
}

// WriteString is Write for a string.
func (w *limitedWriter) WriteString(s string) (int, error) {
	return w.Write([]byte(s)) //nolint:gocritic // the embedded WriteString would bypass the limits
}

// Unwrap lets http.ResponseController find the connection.
func (w *limitedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// bodyBudget bounds the memory of bodies until they are written. Requests that write the same body, which is in the
// response cache, count as one.
type bodyBudget struct {
	mu      sync.Mutex
	used    int
	writers map[body]int
}

// body identifies a slice of bytes.
type body struct {
	first *byte
	size  int
}

// reserve counts a body until release is called. If mayFail is set, it returns false when the budget is used up. A single
// body always passes.
func (b *bodyBudget) reserve(p []byte, mayFail bool) (release func(), ok bool) {
	if len(p) <= smallBody {
		return func() {}, true
	}
	key := body{&p[0], len(p)}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.writers[key] == 0 {
		if mayFail && b.used > 0 && b.used+key.size > maxUnwritten {
			return nil, false
		}
		b.used += key.size
	}
	b.writers[key]++
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.writers[key]--; b.writers[key] == 0 {
			delete(b.writers, key)
			b.used -= key.size
		}
	}, true
}
