package devidp

import "net/http"

// public lets pages of every origin read an endpoint's answers. There is nothing in them that is not for everyone.
func public(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		next(w, r)
	}
}

// forApplications lets the pages that a redirect may lead to read an endpoint's answers. No others: any page that a
// developer happens to have open could fetch itself an administrator's token with the well-known password.
func forApplications(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin")
		if u, ok := parseLoopbackURL(r.Header.Get("Origin")); ok {
			w.Header().Set("Access-Control-Allow-Origin", originOf(u))
			w.Header().Set("Access-Control-Expose-Headers", "WWW-Authenticate")
		}
		next(w, r)
	}
}

// preflight answers the question a browser asks first. Auth0-Client is what Auth0's SDKs say their version with.
func preflight(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
	w.Header().Set("Access-Control-Allow-Headers", "Content-Type, Auth0-Client, Authorization")
	w.Header().Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}
