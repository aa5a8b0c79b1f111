package server

import (
	"cmp"
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
	granted := slices.Clone(principal.Permissions)
	if !guard.RequiresPermissions() {
		granted = append(granted, items.Permissions()...)
	}
	rank := func(permission string) int {
		if i := slices.Index(items.Permissions(), permission); i >= 0 {
			return i
		}
		return len(items.Permissions())
	}
	slices.SortFunc(granted, func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
	return append([]string{}, slices.Compact(granted)...) // an empty array where there is nothing, never null
}
