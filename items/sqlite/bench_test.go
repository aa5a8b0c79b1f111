package sqlite_test

import (
	"testing"

	"menu-api/items/storetest"
)

func BenchmarkImport(b *testing.B) { storetest.BenchmarkImport(b, engine()) }

func BenchmarkPages(b *testing.B) { storetest.BenchmarkPages(b, engine()) }

func BenchmarkCreate(b *testing.B) { storetest.BenchmarkCreate(b, engine()) }
