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
	"sync"
	"time"
)

// endpoints are where people sign in, and where the code that they come back with is exchanged for a token.
type endpoints struct {
	Authorization string `json:"authorization_endpoint"`
	Token         string `json:"token_endpoint"`
}

const (
	discoveryTimeout = 3 * time.Second
	// discoveryPause is how long the provider is left in peace after it gave no answer.
	discoveryPause = time.Minute
	// maxDiscovery bounds the metadata that is read, in bytes.
	maxDiscovery = 1 << 20
)

// provider knows the endpoints of an identity provider. It asks for them when they are first needed, since this process
// may be the provider itself, and is still starting.
type provider struct {
	issuer string
	client *http.Client

	mu     sync.Mutex
	found  endpoints // zero until the provider has told
	nextAt time.Time // not asked again before
}

func newProvider(issuer string) *provider {
	// The metadata is at this address or it is not the issuer's.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &provider{issuer: issuer, client: &http.Client{Timeout: discoveryTimeout, CheckRedirect: stay}}
}

// endpoints returns those of the provider's metadata (OpenID Connect Discovery 1.0 section 4) or, while it cannot be had,
// those that an Auth0 tenant has.
func (p *provider) endpoints(ctx context.Context) endpoints {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found.Token == "" && time.Now().After(p.nextAt) {
		if found, err := p.discover(ctx); err == nil {
			p.found = found
		} else {
			p.nextAt = time.Now().Add(discoveryPause)
		}
	}
	if p.found.Token != "" {
		return p.found
	}
	return endpoints{Authorization: p.issuer + "authorize", Token: p.issuer + "oauth/token"}
}

func (p *provider) discover(ctx context.Context) (endpoints, error) {
	// One who does not wait for the answer does not spoil it for those who come after.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discoveryTimeout)
	defer cancel()
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
	if err := json.NewDecoder(io.LimitReader(response.Body, maxDiscovery)).Decode(&metadata); err != nil {
		return endpoints{}, err
	}
	if metadata.Issuer != p.issuer { // section 4.3: metadata of somebody else's is not to be used
		return endpoints{}, fmt.Errorf("the metadata is of the issuer %q", metadata.Issuer)
	}
	for _, endpoint := range []string{metadata.Authorization, metadata.Token} {
		if !isEndpoint(endpoint) {
			return endpoints{}, fmt.Errorf("%q is no endpoint", endpoint)
		}
	}
	return metadata.endpoints, nil
}

// isEndpoint keeps out of the document and of the page's policy what is no plain URL: both are text that it is put into.
func isEndpoint(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil &&
		!strings.ContainsAny(s, " \t\r\n\"'<>;,`\\#{}|^")
}

// originOf returns the scheme and host of an endpoint, "" if it is none.
func originOf(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil || !isEndpoint(endpoint) {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
