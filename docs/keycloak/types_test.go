//go:build external

package keycloak_test

import (
	"os"
	"testing"

	"menu-api/docs/nodetest"
)

// TestRealmTypes: Keycloak's client library knows every property of the realm, and its type.
func TestRealmTypes(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("menu-realm.json")
	if err != nil {
		t.Fatal(err)
	}
	nodetest.CheckTypes(t, "import type Realm from '@keycloak/keycloak-admin-client/lib/defs/realmRepresentation.js';\n"+
		"const realm: Realm = "+string(content)+";\nvoid realm;\n")
}
