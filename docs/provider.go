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
	latest atomic.Pointer[document]
}

func newProvider(issuer string) *provider {
	// A redirect could lead to the metadata of another issuer.
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p := &provider{issuer: issuer, client: &http.Client{Timeout: discoveryTimeout, CheckRedirect: noRedirect}}
	auth0 := newDocument(endpoints{Authorization: issuer + "authorize", Token: issuer + "oauth/token"})
	auth0.expires = time.Now()
	p.latest.Store(auth0)
	return p
}

// document returns the document with the endpoints in the provider's metadata (OpenID Connect Discovery 1.0 section 4).
// Until the provider supplies valid metadata, it returns the document with the endpoints of an Auth0 tenant. Concurrent
// requests share one call, and each waits for it no longer than its own context allows.
func (p *provider) document(ctx context.Context) *document {
	if latest := p.latest.Load(); latest.isFresh() {
		return latest
	}
	call := p.calls.DoChan("", func() (any, error) {
		// Another call may have ended between the check above and this one.
		latest := p.latest.Load()
		if latest.isFresh() {
			return nil, nil
		}
		next := *latest
		// The call serves several requests, so it does not end with the one that started it.
		if found, err := p.discover(context.WithoutCancel(ctx)); err == nil {
			next = *newDocument(found)
		} else {
			next.expires = time.Now().Add(discoveryPause)
		}
		p.latest.Store(&next)
		return nil, nil
	})
	select {
	case <-call:
	case <-ctx.Done():
	}
	return p.latest.Load()
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
	if metadata.Issuer != p.issuer || originOf(metadata.Authorization) == "" || originOf(metadata.Token) == "" {
		return endpoints{}, fmt.Errorf("invalid metadata of issuer %q", metadata.Issuer)
	}
	return metadata.endpoints, nil
}

// originOf returns the origin of an endpoint, or "" if the endpoint is not a plain URL: endpoints become part of the
// document and of the page's policy.
func originOf(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil ||
		strings.ContainsAny(endpoint, " \t\r\n\"'<>;,`\\#{}|^") {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
