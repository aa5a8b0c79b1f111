package server

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"menu-api/authz"
	"menu-api/items"
)

// me responds with the subject of the token and its permissions, so that a page offers only what the caller may do. Each
// permission is listed once: those of the menu in their order, then any others that the issuer granted.
func me(guard *authz.Guard) gin.HandlerFunc {
	return func(c *gin.Context) {
		principal, _ := authz.PrincipalOf(c)
		permissions := []string{} // encodes as an empty array, never as null
		for _, permission := range items.Permissions() {
			if guard.Allows(c, permission) {
				permissions = append(permissions, permission)
			}
		}
		for _, permission := range slices.Sorted(slices.Values(principal.Permissions)) {
			if !slices.Contains(permissions, permission) {
				permissions = append(permissions, permission)
			}
		}
		c.JSON(http.StatusOK, struct {
			Subject     string   `json:"sub"`
			Permissions []string `json:"permissions"`
		}{principal.Subject, permissions})
	}
}
