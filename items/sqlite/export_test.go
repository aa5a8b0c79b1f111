package sqlite

import "context"

// IsIndexing reports whether an item is not in the search index yet.
func IsIndexing(s *Store) bool {
	behind, err := value[bool](context.Background(), s.read, someNotIndexed)
	return err != nil || behind
}
