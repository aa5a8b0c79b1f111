package items

import "github.com/gin-gonic/gin"

// Module ties the parts of this package together and mounts them.
type Module struct{ controller controller }

// NewModule returns the menu over the store.
func NewModule(store Store) *Module {
	return &Module{controller: controller{service: NewService(store)}}
}

// Require returns the handler that lets a request pass only with the permission.
type Require func(permission string) gin.HandlerFunc

// Mount adds the routes: reads for anyone, writes for holders of the permission on each line.
func (m *Module) Mount(public, guarded gin.IRouter, require Require) {
	ctl := m.controller

	for _, method := range []string{"GET", "HEAD"} {
		public.Handle(method, "/items", ctl.list)
		public.Handle(method, "/items/:id", ctl.get)
	}

	guarded.POST("/items", require(CreateItems), ctl.create)
	guarded.PUT("/items", require(UpdateItems), ctl.replaceNamed)
	guarded.PUT("/items/:id", require(UpdateItems), ctl.replace)
	guarded.PATCH("/items/:id", require(UpdateItems), ctl.patch)
	guarded.DELETE("/items/:id", require(DeleteItems), ctl.delete)
}
