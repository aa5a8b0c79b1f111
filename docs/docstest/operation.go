package docstest

import (
	"strings"

	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
)

// Operation is one operation of the document.
type Operation struct {
	Method, Path string // as in the document, such as GET and /items/{id}
	*v3.Operation
	item *v3.PathItem
}

// Scopes returns the permissions that the operation requires, and whether it requires a token.
func (o Operation) Scopes() (scopes []string, guarded bool) {
	for _, alternative := range o.Security {
		scopes = append(scopes, alternative.Requirements.GetOrZero("signIn")...)
	}
	return scopes, len(o.Security) > 0
}

// Operations returns all operations in the order of the document.
func Operations() (all []Operation) {
	for path, item := range load().model.Paths.PathItems.FromOldest() {
		for method, operation := range item.GetOperations().FromOldest() {
			all = append(all, Operation{strings.ToUpper(method), path, operation, item})
		}
	}
	return all
}

// Problem is an example of a problem document.
type Problem struct {
	Type, Title, Detail string
	Status              int
}

// ProblemExamples returns the examples of problem documents, by the last part of their type.
func ProblemExamples() (map[string][]Problem, error) {
	found := map[string][]Problem{}
	for response := range load().model.Components.Responses.ValuesFromOldest() {
		for mediaType, content := range response.Content.FromOldest() {
			if mediaType != "application/problem+json" {
				continue
			}
			for slug, example := range content.Examples.FromOldest() {
				var problem Problem
				if err := example.Value.Decode(&problem); err != nil {
					return nil, err
				}
				found[slug] = append(found[slug], problem)
			}
		}
	}
	return found, nil
}
