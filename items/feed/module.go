package feed

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"menu-api/items"
)

// Path is the route of the event streams. A stream lasts until its client leaves.
const Path = "/items/events"

const (
	// defaultHeartbeat is how often a stream sends a comment, so that proxies and clients see that it is alive.
	defaultHeartbeat = 15 * time.Second
	// writeTimeout is how long a client may take to accept the events of one write.
	writeTimeout = 10 * time.Second
	// minWriteInterval is the shortest time between two writes to a client. Events in quick succession are written
	// together: a write costs about the same for one event as for many.
	minWriteInterval = 50 * time.Millisecond
	// timePerClient is some times what a write takes, so that the writes leave time for other requests. See pause.
	timePerClient = 75 * time.Microsecond
	// retryDelay is how long a browser waits before it reconnects.
	retryDelay = 3 * time.Second
)

// Options are the settings of a Module.
type Options struct {
	MaxClients int           // the limit of simultaneous streams; 0 means no limit
	Heartbeat  time.Duration // 0 means 15 seconds
	// BeginRead admits a read of missed events for a client, see Subscription. It may be nil.
	BeginRead func(*gin.Context) (end func(), err error)
	// Closing is closed when the streams must end, so that the shutdown does not wait for them.
	Closing <-chan struct{}
}

// Module serves the events of a change feed as server-sent events (HTML standard, section 9.2).
type Module struct {
	Options
	feed    *ChangeFeed
	clients atomic.Int64
}

// NewModule returns the streams of the change feed.
func NewModule(feed *ChangeFeed, options Options) *Module {
	options.Heartbeat = cmp.Or(options.Heartbeat, defaultHeartbeat)
	return &Module{Options: options, feed: feed}
}

// Mount adds the routes. Anyone may read the events.
func (m *Module) Mount(public gin.IRouter) {
	public.GET(Path, items.Handler(m.get))
	public.HEAD(Path, m.head)
}

// Clients returns the number of open streams.
func (m *Module) Clients() int64 { return m.clients.Load() }

func (m *Module) head(c *gin.Context) {
	c.Header("Content-Type", "text/event-stream; charset=utf-8")
	c.Header("Cache-Control", "no-store, no-transform") // a proxy that compresses would collect events until it has a block
	c.Header("X-Accel-Buffering", "no")                 // nginx would delay events until its buffer is full
	c.Status(http.StatusOK)
}

func (m *Module) get(c *gin.Context) error {
	defer m.clients.Add(-1)
	if n := m.clients.Add(1); m.MaxClients > 0 && n > int64(m.MaxClients) {
		return ErrTooManyClients
	}
	select {
	case <-m.Closing:
		return ErrEnded
	default:
	}
	var after *EventID
	// A browser repeats the parameter when it reconnects, and its header is newer.
	if text := cmp.Or(c.GetHeader("Last-Event-ID"), c.Query("after")); text != "" {
		id := parseEventID(text)
		after = &id
	}
	subscription, err := m.feed.Subscribe(c.Request.Context(), after)
	if err != nil {
		return err
	}
	defer subscription.Close()
	if m.BeginRead != nil {
		subscription.BeginRead = func() (func(), error) { return m.BeginRead(c) }
	}
	events, more, err := subscription.Take(c.Request.Context())
	if err != nil {
		return err
	}
	m.head(c)
	control := http.NewResponseController(c.Writer)
	// The deadline of the server is for requests that take seconds. When it passes, the client seems to have left.
	_ = control.SetReadDeadline(time.Time{})
	m.stream(c.Request.Context(), subscription, events, more, func(frames [][]byte) error {
		_ = control.SetWriteDeadline(time.Now().Add(writeTimeout)) // the server sets one for the whole request
		for _, frame := range frames {
			if _, err := c.Writer.Write(frame); err != nil {
				return err
			}
		}
		return control.Flush()
	})
	// net/http writes the end of the stream after the handler returns, under the last write deadline.
	_ = control.SetWriteDeadline(time.Now().Add(writeTimeout))
	return nil
}

// stream writes the first events and all later ones until the client leaves or is too slow, the subscription fails, or the
// streams must end. The client does not need the reason: it reconnects and resumes.
func (m *Module) stream(
	ctx context.Context, subscription *Subscription, events []*Event, more <-chan struct{}, write func(frames [][]byte) error,
) {
	heartbeat := time.NewTicker(m.Heartbeat)
	defer heartbeat.Stop()
	start := subscription.Start()
	if len(events) > 0 && events[0].IsReset() {
		start = events[0].ID // the id that the client sent may not be valid
	}
	frames := [][]byte{fmt.Appendf(frame("ready", start, []byte("{}")), "retry: %d\n\n", retryDelay.Milliseconds())}
	for {
		for _, e := range events {
			frames = append(frames, e.Frame())
		}
		if len(frames) > 0 && write(frames) != nil {
			return
		}
		frames = nil
		written := time.Now()
		if more != nil {
			select {
			case <-more:
			case <-heartbeat.C:
				frames = append(frames, []byte(": heartbeat\n\n"))
			case <-ctx.Done():
				return
			case <-m.Closing:
				return
			}
		}
		select {
		case <-time.After(m.pause(time.Since(written))):
		case <-ctx.Done():
			return
		case <-m.Closing:
			return
		}
		var err error
		if events, more, err = subscription.Take(ctx); err != nil {
			return
		}
	}
}

// pause returns how long a stream waits before it writes events, by the time since its last write. Many streams write at
// different times, so that other requests need not wait for all of them.
func (m *Module) pause(sinceLast time.Duration) time.Duration {
	forAll := time.Duration(m.clients.Load()) * timePerClient
	return max(minWriteInterval+forAll-sinceLast, rand.N(forAll+1)) //nolint:gosec // no secret depends on it
}
