package items

import (
	"context"

	"github.com/gin-gonic/gin"

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

// maxCategories is how many categories an overview lists.
const maxCategories = 1000

// Overview returns the first page of the menu, with at most limit items.
func (m *Module) Overview(ctx context.Context, limit int) (Overview, error) {
	page, next, err := m.service.List(ctx, Query{Limit: limit, Sort: ByMenu})
	if err != nil {
		return Overview{}, err
	}
	rep, err := represent(page)
	if err != nil {
		return Overview{}, err
	}
	o := Overview{Items: append([]Item{}, page...), ETag: rep.etag}
	if next != nil {
		o.After = formatPageKey(ByMenu, next)
	}
	o.Categories, err = m.service.store.Categories(ctx, maxCategories)
	return o, err
}

// Find returns the item with the id, which may be any text. The errors are those of Service.Get.
func (m *Module) Find(ctx context.Context, id string) (Item, error) {
	number, ok := parseID(id)
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
	found, err := m.cache.get(c.Request.Context(), cacheKey{route: "page", query: key}, begin, count, load)
	if err != nil {
		return nil, err
	}
	return found.Content, nil
}
