package items_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/gin-gonic/gin"

	"menu-api/items"
	"menu-api/items/sqlite"
)

// A module serves the menu of a store. The caller decides who may do what.
func ExampleModule_Mount() {
	folder, err := os.MkdirTemp("", "menu-api-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(folder) }()
	store, err := sqlite.Open(context.Background(), filepath.Join(folder, "menu.db"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = store.Close() }()
	if err := store.Seed(context.Background(), items.AuditInfo{}, items.DefaultMenu()); err != nil {
		fmt.Println(err)
		return
	}

	menu := items.NewModule(store, items.NewResponseCache(), items.Access{
		Require:   func(...string) gin.HandlerFunc { return func(*gin.Context) {} },
		Caller:    func(*gin.Context) (subject, name string) { return "auth0|123", "Ada" },
		Has:       func(*gin.Context, string) bool { return true },
		BeginRead: func(*gin.Context) error { return nil },
		CountRead: func(*gin.Context) error { return nil },
	})
	engine := gin.New()
	menu.Mount(engine, engine)

	response := httptest.NewRecorder()
	engine.ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/items/3", http.NoBody))
	fmt.Println(response.Code, response.Body)
	// Output:
	// 200 {"id":3,"name":"Tea","price":1.99,"description":"Informative","image":"https://cdn.auth0.com/blog/whatabyte/tea-sm.png"}
}

// An input reports all invalid fields at once.
func ExampleInput_Item() {
	input, err := items.DecodeInput([]byte(`{"item":{"name":"","price":4.555,"description":"Warm","image":""}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = input.Item()
	if invalid, ok := errors.AsType[*items.ValidationError](err); ok {
		for _, field := range invalid.Fields {
			fmt.Println(field.Field, field.Message)
		}
	}
	// Output:
	// item.name must not be empty
	// item.price must be a number from 0 to 1,000,000 with at most two decimals
}

// Prices are exact: ParseDecimal reads a JSON number into whole minor units.
func ExampleParseDecimal() {
	cents, err := items.ParseDecimal("5.99", 2)
	fmt.Println(cents, err)
	// Output: 599 <nil>
}

// A search finds text regardless of case and accents.
func ExampleFold() {
	fmt.Println(items.Fold("CRÈME BRÛLÉE"))
	// Output: creme brulee
}
