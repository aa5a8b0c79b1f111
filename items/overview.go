package items

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/singleflight"

	"menu-api/content"
)

// Overview is the first page of the menu, for a web page that shows it without another request.
type Overview struct {
	// Items are the first items in the order of the menu.
	Items []Item `json:"items"`
	// After is the page key of the next page, empty if Items is the whole menu.
	After string `json:"after"`
	// ETag is the ETag of GET /items with the same limit and order.
	ETag string `json:"etag"`
	// Categories are the categories of the whole menu in order. Spellings that differ only in case count as one.
	Categories []string `json:"categories"`
}

// Overview returns the first page of the menu, with at most limit items.
func (m *Module) Overview(ctx context.Context, limit int) (Overview, error) {
	page, next, err := m.service.List(ctx, Query{Limit: limit, Sort: ByMenu})
	if err != nil {
		return Overview{}, err
	}
	body, err := represent(page)
	if err != nil {
		return Overview{}, err
	}
	o := Overview{Items: page, ETag: body.ETag()}
	if next == nil {
		o.Categories = categoriesOf(page)
		return o, nil
	}
	o.After = formatPageKey(ByMenu, next)
	o.Categories, err = m.categories.get(ctx, m.service.store)
	return o, err
}

// Find returns the item with the id, which may be any text. The errors are those of Service.Get.
func (m *Module) Find(ctx context.Context, id string) (Item, error) {
	number, ok := ParseID(id)
	if !ok {
		return Item{}, ErrNotFound
	}
	return m.service.Get(ctx, number)
}

// Page returns a page from the response cache, or else from render. If the client may not read the menu now, Page responds and
// aborts the handler chain.
func (m *Module) Page(c *gin.Context, key string, render func(context.Context) (*content.Content, error)) (*content.Content, error) {
	admit := func(check func(*gin.Context) error) func() error {
		return func() error {
			err := check(c)
			if err != nil {
				Fail(c, err)
			}
			return err
		}
	}
	load := func(ctx context.Context) (*response, error) {
		page, err := render(ctx)
		return &response{Content: page}, err
	}
	begin, count := admit(m.access.BeginRead), admit(m.access.CountRead)
	found, err := m.cache.get(c.Request.Context(), "page "+key, begin, count, load)
	if err != nil {
		return nil, err
	}
	return found.Content, nil
}

const (
	// categoriesLifetime is how long the categories of a large menu are cached.
	categoriesLifetime = 5 * time.Second
	// maxCategories is how many categories of a large menu an overview lists.
	maxCategories = 1000
)

// categories caches the categories of a large menu.
type categories struct {
	cached atomic.Pointer[cachedCategories]
	reads  singleflight.Group
}

type cachedCategories struct {
	names []string
	until time.Time
}

// get returns the categories of the whole menu. One caller at a time reads them from the store. Until that has ended, the
// others get the previous list.
func (c *categories) get(ctx context.Context, store Store) ([]string, error) {
	cached := c.cached.Load()
	if cached != nil && time.Now().Before(cached.until) {
		return cached.names, nil
	}
	read := c.reads.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ReadTimeout)
		defer cancel()
		names, err := store.Categories(ctx, maxCategories)
		if err == nil {
			c.cached.Store(&cachedCategories{names: names, until: time.Now().Add(categoriesLifetime)})
		}
		return names, err
	})
	if cached != nil {
		return cached.names, nil
	}
	select {
	case result := <-read:
		names, _ := result.Val.([]string)
		return names, result.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
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
