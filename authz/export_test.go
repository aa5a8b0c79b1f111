package authz

// ClearTokenCache removes all tokens from a guard's cache.
func ClearTokenCache(g *Guard) { g.cache.entries.Purge() }

// CachedTokens returns the number of tokens in a guard's cache.
func CachedTokens(g *Guard) int { return g.cache.entries.Len() }
