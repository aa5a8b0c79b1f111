//go:build soak

package storetest

func init() { size.updated, size.written, size.searches = 2_000, 100, 50 }
