package server

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"menu-api/authz"
	"menu-api/items"
)

// me responds with the subject of the token and its permissions, so that a page offers only what the caller may do.
func me(guard *authz.Guard) gin.HandlerFunc {
	return func(c *gin.Context) {
		principal, _ := authz.PrincipalOf(c)
		c.Header("Cache-Control", "no-store")
		c.JSON(http.StatusOK, struct {
			Subject     string   `json:"sub"`
			Permissions []string `json:"permissions"`
		}{principal.Subject, permissionsOf(principal, guard)})
	}
}

// permissionsOf returns the permissions that the principal may use, each once: those of the menu in their order, then any
// others that the issuer granted.
func permissionsOf(principal authz.Principal, guard *authz.Guard) []string {
	permissions := []string{} // encodes as an empty array, never as null
	for _, permission := range items.Permissions() {
		if !guard.RequiresPermissions() || slices.Contains(principal.Permissions, permission) {
			permissions = append(permissions, permission)
		}
	}
	for _, permission := range slices.Sorted(slices.Values(principal.Permissions)) {
		if !slices.Contains(permissions, permission) {
			permissions = append(permissions, permission)
		}
	}
	return permissions
}
