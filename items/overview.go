package items

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Overview is the beginning of the menu, for a page that shows it without asking again.
type Overview struct {
	// Items are the first by id.
	Items []Item `json:"items"`
	// After is the parameter of GET /items that continues after them, empty if they are the whole menu.
	After string `json:"after"`
	// ETag is that of GET /items with the same limit.
	ETag string `json:"etag"`
	// Categories are those of the whole menu in order, each once however it is spelt.
	Categories []string `json:"categories"`
}

// Overview returns the beginning of the menu, at most limit items of it.
func (m *Module) Overview(ctx context.Context, limit int) (Overview, error) {
	page, next, err := m.service.List(ctx, Query{Limit: limit, Sort: ByID})
	if err != nil {
		return Overview{}, err
	}
	rep, err := represent(page)
	if err != nil {
		return Overview{}, err
	}
	o := Overview{Items: append([]Item{}, page...), ETag: rep.etag}
	if next == nil {
		o.Categories = categoriesOf(page)
		return o, nil
	}
	o.After = formatPosition(ByID, next)
	o.Categories, err = m.categories.get(ctx, m.service)
	return o, err
}

// Find returns the item, and false if there is none with this id, which may be any text.
func (m *Module) Find(ctx context.Context, id string) (item Item, found bool, err error) {
	number, ok := parseID(id)
	if !ok {
		return Item{}, false, nil
	}
	item, err = m.service.Get(ctx, number)
	if errors.Is(err, ErrNotFound) {
		return Item{}, false, nil
	}
	return item, err == nil, err
}

// categoriesLifetime is for how long the categories of a large menu are taken for those it has.
const categoriesLifetime = 5 * time.Second

// categories keeps the categories of a menu that is too large to look through for every page.
type categories struct {
	mu    sync.Mutex
	names []string
	until time.Time
}

// get returns the categories of the whole menu. Those who come while one looks wait for it.
func (c *categories) get(ctx context.Context, service *Service) ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().Before(c.until) {
		return c.names, nil
	}
	var menu []Item
	query := Query{Limit: MaxPage, Sort: ByID}
	for {
		page, next, err := service.List(ctx, query)
		if err != nil {
			return nil, err
		}
		menu = append(menu, page...)
		if next == nil {
			break
		}
		query.After = next
	}
	c.names, c.until = categoriesOf(menu), time.Now().Add(categoriesLifetime)
	return c.names, nil
}

// categoriesOf returns each category once, in the spelling of its first item, in order.
func categoriesOf(menu []Item) []string {
	spelling := map[string]string{}
	for _, item := range menu {
		key := SortKey(strings.TrimSpace(item.Category))
		if _, known := spelling[key]; !known && key != "" {
			spelling[key] = item.Category
		}
	}
	names := []string{}
	for _, key := range slices.Sorted(maps.Keys(spelling)) {
		names = append(names, spelling[key])
	}
	return names
}
