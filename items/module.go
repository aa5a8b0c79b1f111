package items

import "github.com/gin-gonic/gin"

// Module ties the parts of this package together and mounts its routes.
type Module struct {
	service    *Service
	cache      *ResponseCache
	access     Access
	categories categories
}

// Access is what the module needs to know about the caller of a request.
type Access struct {
	// Require returns the handler that lets a request pass only with all of the permissions.
	Require func(permissions ...string) gin.HandlerFunc
	// Caller returns the subject of the caller of a request that has passed, and the name, which may be empty.
	Caller func(*gin.Context) (subject, name string)
	// Has reports whether the caller has the permission.
	Has func(c *gin.Context, permission string) bool
	// BeginRead waits until the caller may read the store. CountRead admits a read that reaches the store, without waiting. An
	// error is the response to the request.
	BeginRead, CountRead func(*gin.Context) error
}

// NewModule returns the menu over the store. The cache is the one that the store invalidates, see Instrument.
func NewModule(store Store, cache *ResponseCache, access Access) *Module {
	return &Module{service: NewService(store), cache: cache, access: access}
}

// Controller returns the controller of a contract over this menu.
func (m *Module) Controller(contract Contract) Controller {
	return Controller{Contract: contract, Service: m.service, cache: m.cache, access: m.access}
}

// Require returns the handler that lets a request pass only with all of the permissions.
func (m *Module) Require(permissions ...string) gin.HandlerFunc {
	return m.access.Require(permissions...)
}

// Mount adds the routes: reads for anyone, the rest for callers with the permission on each line.
func (m *Module) Mount(public, guarded gin.IRouter) {
	ctl, require := m.Controller(itemsContract), m.Require

	for _, method := range []string{"GET", "HEAD"} {
		public.Handle(method, "/items", Handler(ctl.List))
		public.Handle(method, "/items/:id", Handler(ctl.Get))
		guarded.Handle(method, "/items/:id/history", require(UpdateItems), Handler(ctl.history))
		guarded.Handle(method, "/history", require(UpdateItems), Handler(ctl.recent))
	}

	guarded.POST("/items", require(CreateItems), Handler(ctl.Create))
	guarded.PUT("/items", require(UpdateItems), Handler(ctl.Replace))
	guarded.PUT("/items/:id", require(UpdateItems), Handler(ctl.Replace))
	guarded.PATCH("/items", require(UpdateItems), Handler(ctl.patchMenu)) // and other permissions, see Service.PatchMenu
	guarded.PATCH("/items/:id", require(UpdateItems), Handler(ctl.Patch))
	guarded.DELETE("/items/:id", require(DeleteItems), Handler(ctl.Delete))
	guarded.POST("/items/:id/restore", require(CreateItems), Handler(ctl.restore))
}
