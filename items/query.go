package items

// Query says which items a list holds and in what order. The zero Query is the whole menu, ids ascending.
type Query struct {
	// Limit is the most items that are returned. 0 is no limit.
	Limit int
	Sort  Sort
	// After is the last item of the page before, nil on the first page. It is found by its value, not by counting, so that
	// a page costs the same wherever it is, and items that come or go do not shift it.
	After *Position
	// Words are folded words, each of which an item's text must contain.
	Words []string
	// Category is the SortKey of a category, empty for all items.
	Category string
}

// Sort is an order of items. Items that are equal in it are ordered by id, ascending.
type Sort string

// The orders.
const (
	ByID        Sort = "id"
	ByName      Sort = "name" // without regard to case and accents
	ByPrice     Sort = "price"
	ByPriceDown Sort = "-price"
)

// Position is where an item stands in an order: its value there, and its id.
type Position struct {
	ID    int64
	Name  string // its SortKey
	Price Price
}

// PositionOf returns where the item stands in every order.
func PositionOf(item Item) *Position {
	return &Position{ID: item.ID, Name: SortKey(item.Name), Price: item.Price}
}
