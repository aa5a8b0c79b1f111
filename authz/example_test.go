package authz_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/gin-gonic/gin"

	"menu-api/authz"
)

// A guard protects a group of routes. Require adds the permission of each route.
func ExampleGuard() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	guard, err := authz.NewGuard(authz.Options{
		Issuer:             "http://localhost:7001/",
		Audiences:          []string{"https://menu.example.com"},
		Keys:               authz.NewKeys(ctx, "http://localhost:7001/.well-known/jwks.json", nil, slog.New(slog.DiscardHandler)),
		RequirePermissions: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	engine := gin.New()
	guarded := engine.Group("/", guard.Authenticate)
	guarded.POST("/items", guard.Require("create:items"), func(c *gin.Context) {
		caller, _ := authz.PrincipalOf(c)
		c.String(http.StatusCreated, "created for "+caller.Subject)
	})

	response := httptest.NewRecorder()
	engine.ServeHTTP(response, httptest.NewRequest(http.MethodPost, "/items", http.NoBody))
	fmt.Println(response.Code, response.Header().Get("WWW-Authenticate"))
	// Output: 401 Bearer realm="menu-api"
}
