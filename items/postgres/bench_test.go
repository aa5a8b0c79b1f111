package postgres_test

import (
	"testing"

	"menu-api/items/storetest"
)

func BenchmarkImport(b *testing.B) { storetest.BenchmarkImport(b, engine(true)) }

func BenchmarkPages(b *testing.B) { storetest.BenchmarkPages(b, engine(true)) }

func BenchmarkCreate(b *testing.B) { storetest.BenchmarkCreate(b, engine(true)) }
