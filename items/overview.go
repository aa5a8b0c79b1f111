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

// Overview is the first page of the menu, for a web page that shows it without another request.
type Overview struct {
	// Items are the first items by id.
	Items []Item `json:"items"`
	// After is the page key of the next page, empty if Items is the whole menu.
	After string `json:"after"`
	// ETag is the ETag of GET /items with the same limit.
	ETag string `json:"etag"`
	// Categories are the categories of the whole menu in order. Spellings that differ only in case count as one.
	Categories []string `json:"categories"`
}

// Overview returns the first page of the menu, with at most limit items.
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
	o.After = formatPageKey(ByID, next)
	o.Categories, err = m.categories.get(ctx, m.service)
	return o, err
}

// Find returns the item with the id, which may be any text. found is false if there is no such item.
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

// categoriesLifetime is how long the categories of a large menu are cached.
const categoriesLifetime = 5 * time.Second

// categories caches the categories of a menu that is too large to read for every request.
type categories struct {
	mu    sync.Mutex
	names []string
	until time.Time
}

// get returns the categories of the whole menu. Callers wait while another one reads them.
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

// categoriesOf returns each category once, in order, in the spelling of its first item.
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
