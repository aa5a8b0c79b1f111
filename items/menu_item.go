package items

import (
	"strconv"

	"github.com/go-json-experiment/json"
)

// menuItem is an item in the second contract, as the WHATABYTE dashboards read it: the id is text, since they compare it
// with a part of a URL, and the price is in cents. Every field is there, unset or not: their forms bind them all.
type menuItem struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Price       int64  `json:"price"`
	Description string `json:"description"`
	Image       string `json:"image"`
	Tagline     string `json:"tagline"`
	Category    string `json:"category"`
	// Calories is null when unset, since 0 is a fair value.
	Calories *int64 `json:"calories"`
}

func menuItemOf(item Item) menuItem {
	return menuItem{
		ID: strconv.FormatInt(item.ID, 10), Name: item.Name, Price: int64(item.Price), Description: item.Description,
		Image: item.Image, Tagline: item.Tagline, Category: item.Category, Calories: item.Calories,
	}
}

// representMenuItem is representItem in the second contract.
func representMenuItem(item Item) (representation, error) {
	body, err := json.Marshal(menuItemOf(item))
	if err != nil {
		return representation{}, err
	}
	return representVersion(item.Version, body), nil
}

// representMenuItems writes an array.
func representMenuItems(menu []Item) (representation, error) {
	entries := make([]menuItem, len(menu))
	for i, item := range menu {
		entries[i] = menuItemOf(item)
	}
	return representList(entries)
}
