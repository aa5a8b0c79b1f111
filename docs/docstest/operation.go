package docstest

import (
	"maps"
	"slices"
	"strings"
)

// Operation is one operation of the document.
type Operation struct {
	// Method and Path are those of the document, such as GET and /items/{id}.
	Method, Path string
	node         node
	pathItem     node
}

// ID is its operationId.
func (o Operation) ID() string { return o.node.text("operationId") }

// Description is what the document says of it.
func (o Operation) Description() string { return o.node.text("description") }

// Scopes returns the permissions that it asks for, and whether it asks for a token at all.
func (o Operation) Scopes() (scopes []string, guarded bool) {
	alternatives, _ := o.node.object["security"].([]any)
	for _, alternative := range alternatives {
		schemes, _ := alternative.(map[string]any)
		asked, _ := schemes["signIn"].([]any)
		for _, scope := range asked {
			s, _ := scope.(string)
			scopes = append(scopes, s)
		}
	}
	return scopes, len(alternatives) > 0
}

// Operations lists all operations, by path and method.
func (c *Contract) Operations() []Operation {
	var all []Operation
	paths := c.get(node{"#", c.root}, "paths")
	for _, path := range slices.Sorted(maps.Keys(paths.object)) {
		item := c.get(paths, path)
		for _, method := range slices.Sorted(maps.Keys(item.object)) {
			if method != "parameters" {
				all = append(all, Operation{strings.ToUpper(method), path, c.get(item, method), item})
			}
		}
	}
	return all
}

// ProblemExamples returns the examples of problem documents, by the last part of their type.
func (c *Contract) ProblemExamples() map[string][]map[string]any {
	found := map[string][]map[string]any{}
	responses := c.get(c.get(node{"#", c.root}, "components"), "responses")
	for name := range responses.object {
		examples := c.get(c.get(c.get(c.get(responses, name), "content"), "application/problem+json"), "examples")
		for slug := range examples.object {
			found[slug] = append(found[slug], c.get(c.get(examples, slug), "value").object)
		}
	}
	return found
}
