package items

import (
	"reflect"
	"strings"
)

// field is one field of an Item that a client can write, as the struct tags declare it.
type field struct {
	name  string // in JSON and in error messages, and the CSV heading
	rules string // of the validator
	index int    // in the struct
}

// fields are the fields of an Item that a client can write, in the order of the struct. Decoding, validation, both
// engines, CSV and export derive from this list.
var fields, columns = func() (fields []field, columns []string) {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Item]()) {
		rules, writable := f.Tag.Lookup("validate")
		if !writable {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields = append(fields, field{name, rules, f.Index[0]})
		columns = append(columns, f.Tag.Get("db"))
	}
	return fields, columns
}()

// Columns returns the columns of an engine's table that hold the fields which a client can write. The id, the version and
// the columns that an engine derives for search and order are not among them.
func Columns() []string { return columns }

// Values returns the values of the item in the order of Columns.
func (i *Item) Values() []any {
	item := reflect.ValueOf(i).Elem()
	values := make([]any, len(fields))
	for n, f := range fields {
		values[n] = item.Field(f.index).Interface()
	}
	return values
}

// Pointers returns where to scan the columns of the item, in the order of Columns.
func (i *Item) Pointers() []any {
	item := reflect.ValueOf(i).Elem()
	pointers := make([]any, len(fields))
	for n, f := range fields {
		pointers[n] = item.Field(f.index).Addr().Interface()
	}
	return pointers
}
