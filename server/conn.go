package server

import (
	"bytes"
	"context"
	"maps"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

const (
	// deadlineSlack is how much later than asked for a deadline may pass.
	deadlineSlack = 100 * time.Millisecond
	// watchPause is how long a request is in progress before its connection is watched for a client that hangs up.
	watchPause = 5 * time.Millisecond
)

// conn is a connection that spares net/http work of which most requests have no use. With it, a read of the menu takes an
// eighth less CPU (docs/performance.md):
//
//   - net/http sets eight deadlines for a request. One matters only when something is read or written under it, and is
//     set only then, unless the one before is about the same.
//   - While a request is in progress, net/http waits in a Read for its client to hang up. Most requests are answered
//     before that Read would have got far, so it takes its time to begin.
//   - Header fields that are the same in every answer are written as a block. net/http would copy and sort them each time.
//
// What is written, and the deadlines for it, have to come from one goroutine, as they do from net/http.
type conn struct {
	net.Conn

	mu      sync.Mutex // guards the next two
	read    deadline
	reading bool

	pause *time.Timer
	abort chan struct{} // ends the pause; has room for one

	write       deadline
	fixedFields bool // are to be written with the next answer
}

// deadline is the one that was asked for, and the one that is set. Zero is none.
type deadline struct{ asked, set time.Time }

// apply sets what was asked for, unless what is set will do.
func (d *deadline) apply(set func(time.Time) error) error {
	late := d.set.Sub(d.asked)
	if d.asked.IsZero() != d.set.IsZero() || late < 0 || late > deadlineSlack {
		d.set = d.asked
		if !d.set.IsZero() {
			d.set = d.set.Add(deadlineSlack)
		}
		return set(d.set)
	}
	return nil
}

// passed reports whether the time that was asked for is over.
func (d *deadline) passed() bool { return !d.asked.IsZero() && time.Until(d.asked) <= 0 }

func newConn(c net.Conn) *conn {
	pause := time.NewTimer(watchPause)
	pause.Stop()
	return &conn{Conn: c, pause: pause, abort: make(chan struct{}, 1)}
}

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read.asked = t
	if c.reading {
		c.read.set = t
		return c.Conn.SetReadDeadline(t)
	}
	if c.read.passed() {
		select {
		case c.abort <- struct{}{}:
		default:
		}
	}
	return nil
}

// Read implements net.Conn. net/http reads a single byte when it waits for the client to hang up, and never otherwise.
func (c *conn) Read(p []byte) (int, error) {
	if len(p) == 1 && c.abortedDuringPause() {
		return 0, os.ErrDeadlineExceeded
	}
	if err := c.startRead(); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	c.reading = false
	c.mu.Unlock()
	return n, err
}

func (c *conn) startRead() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reading = true
	return c.read.apply(c.Conn.SetReadDeadline)
}

// abortedDuringPause waits for watchPause, and reports whether the deadline passed before.
func (c *conn) abortedDuringPause() bool {
	c.mu.Lock()
	select {
	case <-c.abort: // meant for one before
	default:
	}
	aborted := c.read.passed()
	c.mu.Unlock()
	if aborted {
		return true
	}
	c.pause.Reset(watchPause)
	select {
	case <-c.abort:
		c.pause.Stop()
		return true
	case <-c.pause.C:
		return false
	}
}

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.write.asked = t
	return nil
}

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	_ = c.SetWriteDeadline(t)
	return c.SetReadDeadline(t)
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	if err := c.write.apply(c.Conn.SetWriteDeadline); err != nil {
		return 0, err
	}
	if c.fixedFields && !bytes.HasPrefix(p, interim) {
		c.fixedFields = false
		return c.writeWithFixedFields(p)
	}
	return c.Conn.Write(p)
}

// interim begins an answer that is followed by another (RFC 9110 section 15.2), such as 100 Continue.
var interim = []byte("HTTP/1.1 1")

// writeWithFixedFields writes what begins with a status line.
func (c *conn) writeWithFixedFields(p []byte) (int, error) {
	statusLine, rest, _ := bytes.Cut(p, []byte("\r\n"))
	buf := buffers.Get().(*[]byte) //nolint:forcetypeassert // there is nothing else in it
	defer buffers.Put(buf)
	*buf = append((*buf)[:0], statusLine...)
	*buf = append(*buf, "\r\n"...)
	*buf = append(*buf, fixedFieldsText...)
	*buf = append(*buf, rest...)
	n, err := c.Conn.Write(*buf)
	return min(n, len(p)), err
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4096+512); return &b }} // net/http writes up to 4096 bytes at once

// CloseWrite tells the client that nothing will follow. net/http calls it when it does not read the rest of a request.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// thriftyListener has the connections of another listener be of type conn.
type thriftyListener struct{ net.Listener }

// Accept implements net.Listener.
func (l thriftyListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newConn(c), nil
}

type connKey struct{}

// withConn is an http.Server's ConnContext hook.
func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// sendFixedFields has the answer to the request contain the fixedFields. No handler can change them afterwards.
func sendFixedFields(w http.ResponseWriter, r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(*conn); ok {
		c.fixedFields = true
		return
	}
	maps.Copy(w.Header(), fixedFields)
}
