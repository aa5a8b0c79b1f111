package authz

// Forget has a guard see all tokens for the first time.
func Forget(g *Guard) { g.seen.byDigest.Purge() }

// Seen returns how many tokens a guard remembers.
func Seen(g *Guard) int { return g.seen.byDigest.Len() }
