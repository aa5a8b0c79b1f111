// Package items is the menu: its items, the rules they follow, and the routes that serve them.
//
// It reads like a module of the NestJS application it succeeds: the controller speaks HTTP, the service knows the rules,
// the store keeps the items, and the module ties them together.
package items

// The permissions that guarded routes ask for, as they are named in the identity provider.
const (
	CreateItems = "create:items"
	UpdateItems = "update:items"
	DeleteItems = "delete:items"
)

// Permissions lists every permission of this package.
func Permissions() []string { return []string{CreateItems, UpdateItems, DeleteItems} }

// Item is one item of the menu. The order of its fields is the order of the JSON, which clients of the NestJS
// application see byte for byte.
type Item struct {
	// ID is positive, assigned by the store, and never reused.
	ID          int64  `json:"id"`
	Name        string `json:"name"`
	Price       Price  `json:"price"`
	Description string `json:"description"`
	// Image is an absolute http or https URL, or empty.
	Image    string `json:"image"`
	Tagline  string `json:"tagline,omitempty"`
	Category string `json:"category,omitempty"`
	// Calories is in kilocalories. Nil when unset, since 0 is a fair value.
	Calories *int64 `json:"calories,omitempty"`

	// Version is 1 for a new item and rises with every change. Clients see it in the ETag.
	Version int64 `json:"-"`
}
