package items

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
)

// EventsPath is the route of the event streams. They last as long as their clients like.
const EventsPath = "/items/events"

const (
	// DefaultHeartbeat is how often a stream says that it is alive, so that proxies and clients do not take it for dead.
	DefaultHeartbeat = 15 * time.Second
	// writeTimeout is how long a client may take for what is written at once.
	writeTimeout = 10 * time.Second
	// writePause is the shortest time between two writes to a client. Events that come meanwhile are written together: a
	// write costs much the same for one event as for many.
	writePause = 50 * time.Millisecond
	// retry is how long a browser waits before it connects again.
	retry = 3 * time.Second
)

// Live is what the module needs to tell of changes as they happen.
type Live struct {
	Follower *Follower
	// MaxClients bounds the streams at the same time, 0 is no bound.
	MaxClients int
	// Heartbeat is DefaultHeartbeat when it is 0.
	Heartbeat time.Duration
	// Closing is closed when streams are to end, so that a stop does not wait for them.
	Closing <-chan struct{}
}

// streams serves the changes of the menu as server-sent events (the HTML standard, section 9.2).
type streams struct {
	Live
	clients atomic.Int64
}

// head says what a GET would be, without being one of the clients.
func (s *streams) head(c *gin.Context) {
	streamHeaders(c)
	c.Status(http.StatusOK)
}

func streamHeaders(c *gin.Context) {
	c.Header("Content-Type", "text/event-stream; charset=utf-8")
	c.Header("Cache-Control", "no-store")
	c.Header("X-Accel-Buffering", "no") // nginx would keep events back until it has a buffer full
}

func (s *streams) get(c *gin.Context) {
	defer s.clients.Add(-1)
	if n := s.clients.Add(1); s.MaxClients > 0 && n > int64(s.MaxClients) {
		Fail(c, ErrTooManyClients)
		return
	}
	select {
	case <-s.Closing:
		Fail(c, ErrFollowerEnded)
		return
	default:
	}
	subscription, err := s.Follower.Subscribe(c.Request.Context(), lastEventID(c.Request))
	if err != nil {
		Fail(c, err)
		return
	}
	defer subscription.Close()
	streamHeaders(c)
	c.Status(http.StatusOK)
	w := streamWriter{c.Writer, http.NewResponseController(c.Writer)}
	// The server's own deadline is for requests that are over in seconds. That it passed would look like a client that left.
	_ = w.control.SetReadDeadline(time.Time{})
	s.run(c.Request.Context(), w, subscription)
	// The end of the stream is written after the handler, under what is left of the last deadline.
	_ = w.control.SetWriteDeadline(time.Now().Add(writeTimeout))
}

// lastEventID is the cursor after which the client resumes, nil when it begins. What is no cursor is a place that the
// follower does not know.
func lastEventID(r *http.Request) Cursor {
	text := r.Header.Get("Last-Event-ID")
	if text == "" {
		return nil
	}
	cursor, ok := ParseCursor(text)
	if !ok {
		return Cursor{}
	}
	return cursor
}

// run writes events until the client leaves or is too slow, or the streams are to end. Why does not matter to the client:
// it connects again and resumes.
func (s *streams) run(ctx context.Context, w streamWriter, subscription *Subscription) {
	heartbeat := time.NewTicker(cmp.Or(s.Heartbeat, DefaultHeartbeat))
	defer heartbeat.Stop()
	events, more, err := subscription.Take(ctx)
	text := hello(subscription, events)
	for {
		if w.write(text, events) != nil || err != nil {
			return
		}
		text = nil
		next := time.Now().Add(writePause)
		if more != nil {
			select {
			case <-more:
			case <-heartbeat.C:
				text = []byte(": heartbeat\n\n")
			case <-ctx.Done():
				return
			case <-s.Closing:
				return
			}
		}
		select {
		case <-time.After(time.Until(next)):
		case <-ctx.Done():
			return
		case <-s.Closing:
			return
		}
		events, more, err = subscription.Take(ctx)
	}
}

// hello begins a stream. It names the place from which a client resumes that has seen no more than this.
func hello(subscription *Subscription, first []*Event) []byte {
	place := subscription.Start()
	if len(first) > 0 && first[0].Everything() {
		place = first[0].After // where it wanted to begin may be no place at all
	}
	return fmt.Appendf(frame("ready", place, []byte("{}")), "retry: %d\n\n", retry.Milliseconds())
}

type streamWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

// write writes the text and the events. It returns an error when the client does not take them in time.
func (w streamWriter) write(text []byte, events []*Event) error {
	if len(text)+len(events) == 0 {
		return nil
	}
	if err := w.writeOne(text); err != nil {
		return err
	}
	for _, e := range events {
		if err := w.writeOne(e.Frame()); err != nil {
			return err
		}
	}
	return w.control.Flush()
}

func (w streamWriter) writeOne(text []byte) error {
	_ = w.control.SetWriteDeadline(time.Now().Add(writeTimeout)) // each write of the server has one
	_, err := w.Write(text)
	return err
}
