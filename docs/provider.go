package docs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// endpoints are the URLs at which users sign in and at which the page exchanges the code for a token.
type endpoints struct {
	Authorization string `json:"authorization_endpoint"`
	Token         string `json:"token_endpoint"`
}

const (
	discoveryTimeout = 3 * time.Second
	discoveryPause   = time.Minute // after a failure
	maxMetadata      = 1 << 20     // bytes
)

// provider finds the endpoints of an identity provider. It asks when a request first needs them, because this process
// can be the provider and still be starting.
type provider struct {
	issuer string
	client *http.Client
	calls  singleflight.Group
	latest atomic.Pointer[discovery]
}

// discovery is the result of asking the provider for its metadata.
type discovery struct {
	document *document
	expires  time.Time // zero: never, because the metadata does not change
}

func (d *discovery) isFresh() bool { return d.expires.IsZero() || time.Now().Before(d.expires) }

func newProvider(issuer string) *provider {
	// A redirect could lead to the metadata of another issuer.
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p := &provider{issuer: issuer, client: &http.Client{Timeout: discoveryTimeout, CheckRedirect: noRedirect}}
	auth0 := endpoints{Authorization: issuer + "authorize", Token: issuer + "oauth/token"}
	p.latest.Store(&discovery{newDocument(auth0), time.Now()})
	return p
}

// document returns the document with the endpoints in the provider's metadata (OpenID Connect Discovery 1.0 section 4).
// Until the provider supplies valid metadata, it returns the document with the endpoints of an Auth0 tenant. Concurrent
// requests share one call, and each waits for it no longer than its own context allows.
func (p *provider) document(ctx context.Context) *document {
	if latest := p.latest.Load(); latest.isFresh() {
		return latest.document
	}
	call := p.calls.DoChan("", func() (any, error) {
		latest := p.latest.Load()
		if latest.isFresh() {
			return nil, nil
		}
		next := &discovery{latest.document, time.Now().Add(discoveryPause)}
		if found, err := p.discover(context.WithoutCancel(ctx)); err == nil {
			next = &discovery{document: newDocument(found)}
		}
		p.latest.Store(next)
		return nil, nil
	})
	select {
	case <-call:
	case <-ctx.Done():
	}
	return p.latest.Load().document
}

func (p *provider) discover(ctx context.Context) (endpoints, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.issuer+".well-known/openid-configuration", http.NoBody)
	if err != nil {
		return endpoints{}, err
	}
	response, err := p.client.Do(request)
	if err != nil {
		return endpoints{}, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return endpoints{}, errors.New(response.Status)
	}
	var metadata struct {
		endpoints
		Issuer string `json:"issuer"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxMetadata)).Decode(&metadata); err != nil {
		return endpoints{}, err
	}
	// Section 4.3: a client must not use the metadata of another issuer.
	if metadata.Issuer != p.issuer || !isEndpoint(metadata.Authorization) || !isEndpoint(metadata.Token) {
		return endpoints{}, fmt.Errorf("invalid metadata of issuer %q", metadata.Issuer)
	}
	return metadata.endpoints, nil
}

// isEndpoint accepts only plain URLs, because endpoints become part of the document and of the page's policy.
func isEndpoint(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil &&
		!strings.ContainsAny(s, " \t\r\n\"'<>;,`\\#{}|^")
}

// tokenOrigin returns the origin of the token endpoint, or "" if that is not a valid endpoint.
func (e endpoints) tokenOrigin() string {
	u, err := url.Parse(e.Token)
	if err != nil || !isEndpoint(e.Token) {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
