//go:build soak && external

package postgres_test

func init() { *expiredKeys, *oldUpdates, pooledTests = 1_000_000, 200_000, "" }
