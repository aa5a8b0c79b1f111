// Command pocketbase is PocketBase with the same menu: a peer that keeps its data in SQLite as well.
package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

func main() {
	app := pocketbase.New()
	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		if err := prepare(e.App); err != nil {
			return err
		}
		return e.Next()
	})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}

// prepare makes the collection and its three items on the first start, and writes the token of a user who may add to it
// into the file "token".
func prepare(app core.App) error {
	if _, err := app.FindCollectionByNameOrId("items"); err == nil {
		return nil
	}
	menu := core.NewBaseCollection("items")
	anyone, somebody := types.Pointer(""), types.Pointer(`@request.auth.id != ""`)
	menu.ListRule, menu.ViewRule, menu.CreateRule = anyone, anyone, somebody
	menu.Fields.Add(
		&core.TextField{Name: "name", Required: true, Max: 200},
		&core.NumberField{Name: "price"},
		&core.TextField{Name: "description", Max: 2000},
		&core.TextField{Name: "image", Max: 2048},
	)
	if err := app.Save(menu); err != nil {
		return err
	}
	for _, name := range []string{"Burger", "Pizza", "Tea"} {
		item := core.NewRecord(menu)
		item.Load(map[string]any{
			"name": name, "price": 5.99, "description": "Tasty", "image": "https://cdn.auth0.com/blog/whatabyte/burger-sm.png",
		})
		if err := app.Save(item); err != nil {
			return err
		}
	}
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	user := core.NewRecord(users)
	user.SetEmail("bench@example.com")
	user.SetRandomPassword()
	if err := app.Save(user); err != nil {
		return err
	}
	token, err := user.NewAuthToken()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(app.DataDir(), "token"), []byte(token), 0o600)
}
