package authz

import "golang.org/x/time/rate"

// AllowRefetches removes the limit of fetches for unknown kids, so that every such token is rejected as invalid.
func AllowRefetches(k *Keys) { k.refetchBudget.SetLimit(rate.Inf) }

// ClearTokenCache removes all tokens from a guard's cache.
func ClearTokenCache(g *Guard) { g.cache.entries.Purge() }

// CachedTokens returns the number of tokens in a guard's cache.
func CachedTokens(g *Guard) int { return g.cache.entries.Len() }
