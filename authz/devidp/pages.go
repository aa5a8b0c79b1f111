package devidp

import (
	"bytes"
	_ "embed" // of the stylesheet
	"encoding/json"
	"net/http"
	"strings"
	"time"

	g "maragu.dev/gomponents"
)

//go:embed style.css
var style string

// pagePolicy lets a page have the stylesheet and the drawn-in pictures, and nothing else: no script, no frame around it.
const pagePolicy = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'"

const allowedURLs = "Allowed is any path on http://localhost:<port> or http://127.0.0.1:<port>, without a fragment."

// page writes a page. Its Content-Security-Policy is pagePolicy unless the caller has set another.
func (p *Provider) page(w http.ResponseWriter, status int, page g.Node) {
	var body bytes.Buffer
	if err := page.Render(&body); err != nil {
		p.log.Error("page not rendered", "error", err)
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	if h.Get("Content-Security-Policy") == "" {
		h.Set("Content-Security-Policy", pagePolicy+"; form-action 'none'")
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // the client has hung up
}

// errorPage tells the person in front of the browser what is wrong.
func (p *Provider) errorPage(w http.ResponseWriter, status int, message string) {
	p.page(w, status, simplePage(http.StatusText(status), message))
}

// messagePage posts an authorization response to the window that holds the frame, or that opened the popup. It has to be
// framed by another origin and to run its script, so it has a policy of its own.
func (p *Provider) messagePage(w http.ResponseWriter, origin string, a authorizationResponse) {
	nonce := randomString()
	w.Header().Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; script-src 'nonce-"+nonce+"'")
	script, err := postMessage(message{"authorization_response", a}, origin)
	if err != nil {
		p.log.Error("message not encoded", "error", err)
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		return
	}
	p.page(w, http.StatusOK, scriptPage("Authorization response", nonce, script))
}

// message is what Auth0's single-page SDK waits for.
type message struct {
	Type     string                `json:"type"`
	Response authorizationResponse `json:"response"`
}

// postMessage writes the script that sends a message to the origin. json.Marshal escapes what could end a script.
func postMessage(m message, origin string) (script string, err error) {
	body, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	target, err := json.Marshal(origin)
	if err != nil {
		return "", err
	}
	call := ".postMessage(" + string(body) + ", " + string(target) + ");\n"
	return "\nif (window.opener) window.opener" + call + "else parent" + call, nil
}

func (p *Provider) home(w http.ResponseWriter, _ *http.Request) {
	p.page(w, http.StatusOK, p.homePage())
}

func stylesheet(w http.ResponseWriter, r *http.Request) {
	http.ServeContent(w, r, "style.css", time.Time{}, strings.NewReader(style))
}

func (p *Provider) foreignOrigin(w http.ResponseWriter, _ *http.Request) {
	p.errorPage(w, http.StatusForbidden, "This request comes from a page of another origin.")
}

// withErrorPages puts a page in place of the plain text with which a mux says 404 and 405. It keeps its Allow header.
func (p *Provider) withErrorPages(mux *http.ServeMux) http.Handler {
	messages := map[int]string{
		http.StatusNotFound:         "There is nothing here.",
		http.StatusMethodNotAllowed: "This address does not take requests of this kind.",
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		mute := &muteWriter{w, http.StatusNotFound}
		handler.ServeHTTP(mute, r)
		p.errorPage(w, mute.status, messages[mute.status])
	})
}

// muteWriter keeps the headers and the status of an answer and drops its body.
type muteWriter struct {
	http.ResponseWriter
	status int
}

func (m *muteWriter) WriteHeader(status int)      { m.status = status }
func (m *muteWriter) Write(b []byte) (int, error) { return len(b), nil }

func (p *Provider) writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		p.log.Error("answer not encoded", "error", err)
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client has hung up
}
