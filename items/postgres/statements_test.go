package postgres

import (
	"flag"
	"testing"

	"menu-api/items"
	"menu-api/items/storetest"
)

var update = flag.Bool("update", false, "write the golden file")

func TestStatements(t *testing.T) {
	t.Parallel()
	statements := []string{
		selectCategories, getItem, selectHistory, hasHistory, createItems, insertItem, updateItem, deleteItem, selectReplay, lockWrites,
		selectRecent, selectVersions, selectStates, changeMany, setPayload,
		deleteItems, addItem, changeOfAll, isSeeded, markSeeded, selectChanges, selectFeed, lockExport, selectColumns, exportChanges, lockImports,
		isEmpty, createTables, selectUsed, raiseIDs, badHistory, changeOfLoad, mergeItems, mergeChanges, selectConflict, selectIndexes, publish,
		commitMerge, beginSwap, failIfFilled, clearRest, swapTables, deleteExpiredKeys, pruneChanges, pruneImports, selectSnapshotAge, eraseKeys, eraseAuthor,
	}
	for _, sort := range []items.Sort{items.ByID, items.ByName, items.ByPrice, items.ByPriceDown, items.ByMenu} {
		statement, _ := new(Store).listStatement(items.Query{
			Sort: sort, Limit: 1, Category: "mains", After: &items.PageKey{ID: 1, Name: "a", Price: 1, Menu: 1},
		})
		statements = append(statements, statement)
	}
	statements = append(statements, selectExtension, selectIndex, dropIndex, createIndex, selectOldKeys, setKeys)
	for _, trigrams := range []int32{noTrigrams, asciiTrigrams} {
		var store Store
		store.trigrams.Store(trigrams)
		statement, _ := store.listStatement(items.Query{
			Sort: items.ByName, Limit: 1, Category: "mains", After: &items.PageKey{ID: 1, Name: "a"}, Words: []string{"soup", "---", "onion"},
		})
		statements = append(statements, statement)
	}
	storetest.CheckGolden(t, *update, "testdata/statements.golden.sql", statements)
}
