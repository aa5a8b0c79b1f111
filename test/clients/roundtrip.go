// The program lists the menu, and adds, changes and deletes an item, with the generated client.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"roundtrip/menu"
)

func main() {
	if err := roundTrip(context.Background(), os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func roundTrip(ctx context.Context, api, token string) error {
	client, err := menu.NewClientWithResponses(api, menu.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	}))
	if err != nil {
		return err
	}
	limit := menu.Limit(2)
	list, err := client.ListItemsWithResponse(ctx, &menu.ListItemsParams{Limit: &limit})
	if err != nil {
		return err
	}
	page, err := list.JSON200.AsItemPage()
	if err != nil || len(page) != 2 {
		return fmt.Errorf("list: got %s %s (%v), want 2 items", list.Status(), list.Body, err)
	}
	var input menu.WriteItem
	if err := input.FromItemInput(menu.ItemInput{Name: "Soup", Price: 4.5, Description: "Warm"}); err != nil {
		return err
	}
	created, err := client.CreateItemWithResponse(ctx, nil, input)
	if err != nil {
		return err
	}
	if created.JSON201 == nil || created.JSON201.Price != 4.5 {
		return fmt.Errorf("create: got %s %s, want an item for 4.5", created.Status(), created.Body)
	}
	price := 5.25
	var patch menu.ItemPatchBody
	if err := patch.FromItemPatch(menu.ItemPatch{Price: &price}); err != nil {
		return err
	}
	id := created.JSON201.Id
	patched, err := client.PatchItemWithResponse(ctx, id, nil, patch)
	if err != nil {
		return err
	}
	if patched.JSON200 == nil || patched.JSON200.Price != price || patched.JSON200.Name != "Soup" {
		return fmt.Errorf("patch: got %s %s, want Soup for %v", patched.Status(), patched.Body, price)
	}
	deleted, err := client.DeleteItemWithResponse(ctx, id, nil)
	if err != nil {
		return err
	}
	gone, err := client.GetItemWithResponse(ctx, id, nil)
	if err != nil {
		return err
	}
	if deleted.JSON200 == nil || gone.ApplicationproblemJSON404 == nil {
		return fmt.Errorf("delete: got %s, and then %s %s; want 200 and 404", deleted.Status(), gone.Status(), gone.Body)
	}
	return nil
}
