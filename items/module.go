package items

import "github.com/gin-gonic/gin"

// Module ties the parts of this package together and mounts them.
type Module struct {
	controller controller
	streams    *streams
	require    func(permissions ...string) gin.HandlerFunc
	categories categories
}

// Access is what the module needs to know of who makes a request.
type Access struct {
	// Require returns the handler that lets a request pass only with all of the permissions.
	Require func(permissions ...string) gin.HandlerFunc
	// Subject returns who makes a request that has passed.
	Subject func(*gin.Context) string
}

// NewModule returns the menu over the store.
func NewModule(store Store, access Access, live Live) *Module {
	answers := newAnswers()
	if live.Follower != nil { // without one, what others change is seen within a second
		live.Follower.First(answers.drop)
	}
	return &Module{
		controller: controller{service: NewService(newWatchedStore(store, answers)), answers: answers, subject: access.Subject},
		streams:    &streams{Live: live},
		require:    access.Require,
	}
}

// Clients counts the clients that follow the menu.
func (m *Module) Clients() int64 { return m.streams.clients.Load() }

// Mount adds the routes: reads for anyone, the rest for holders of the permission on each line.
func (m *Module) Mount(public, guarded gin.IRouter) {
	ctl, require := m.controller, m.require

	for _, method := range []string{"GET", "HEAD"} {
		public.Handle(method, "/items", ctl.list)
		public.Handle(method, "/items/:id", ctl.get)
		guarded.Handle(method, "/items/:id/history", require(UpdateItems), ctl.history)
	}

	public.GET(EventsPath, m.streams.get)
	public.HEAD(EventsPath, m.streams.head)

	guarded.POST("/items", require(CreateItems), ctl.create)
	guarded.PUT("/items", require(UpdateItems), ctl.replaceNamed)
	guarded.PUT("/items/:id", require(UpdateItems), ctl.replace)
	guarded.PATCH("/items/:id", require(UpdateItems), ctl.patch)
	guarded.DELETE("/items/:id", require(DeleteItems), ctl.delete)
	guarded.POST("/items/:id/restore", require(CreateItems), ctl.restore)

	m.mountMenu(public, guarded)
}

// mountMenu adds the routes of the second contract.
func (m *Module) mountMenu(public, guarded gin.IRouter) {
	ctl, require := menuController{m.controller}, m.require

	for _, method := range []string{"GET", "HEAD"} {
		public.Handle(method, MenuPath, ctl.list)
		public.Handle(method, MenuPath+"/:id", ctl.get)
	}

	guarded.POST(MenuPath, require(CreateItems), ctl.create)
	guarded.PUT(MenuPath+"/:id", require(UpdateItems), ctl.replace)
	guarded.PATCH(MenuPath+"/:id", require(UpdateItems), ctl.patch)
	guarded.DELETE(MenuPath+"/:id", require(DeleteItems), ctl.delete)
	guarded.DELETE(MenuPath, require(Permissions()...), ctl.deleteAll)
	guarded.POST("/api/menu/reset", require(Permissions()...), ctl.reset)
}
