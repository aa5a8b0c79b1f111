// Package items is the menu: its items, the rules they follow, and the routes that serve them.
//
// It reads like a module of the NestJS application it succeeds: the controller speaks HTTP, the service knows the use
// cases, the store keeps the items, and the module mounts the routes.
package items

import (
	"reflect"
	"slices"
	"strings"
)

// Item is one item of the menu, and the one list of its fields. The tags play the role of the decorators of a NestJS DTO:
// they declare the JSON name (also the CSV heading), the column and the validation rules. Decoding, validation, merge
// patch, both engines, export and import derive from them. The order of the fields is the order of the JSON, which clients
// of the NestJS application compare byte for byte.
type Item struct {
	// ID is positive, assigned by the store, and never reused.
	ID          int64  `json:"id"                 db:"id"`
	Name        string `json:"name"               db:"name"        validate:"required,min=1,max=200,visible" mod:"trim"`
	Price       Price  `json:"price"              db:"price"       validate:"required,min=0,max=100000000"`
	Description string `json:"description"        db:"description" validate:"required,max=2000"`
	// Image is an absolute http or https URL, or empty.
	Image    string `json:"image"              db:"image"       validate:"required,max=2048,image_url" mod:"trim"`
	Tagline  string `json:"tagline,omitempty"  db:"tagline"     validate:"omitempty,max=200"`
	Category string `json:"category,omitempty" db:"category"    validate:"omitempty,max=100"`
	// Calories is in kilocalories. Nil when unset, because 0 is a valid value.
	Calories *int64 `json:"calories,omitempty" db:"calories"    validate:"omitempty,min=0,max=100000"`
	SoldOut  bool   `json:"soldOut,omitzero"   db:"sold_out"    validate:"omitempty"`
	// Position is the place in the order of the menu, see MenuKey. Nil when unset.
	Position *int64 `json:"position,omitempty" db:"position"    validate:"omitempty,min=0,max=1000000000000"`

	// Version is 1 for a new item and rises with every change. Clients see it in the ETag.
	Version int64 `json:"-" db:"version"`
}

// The permissions that guarded routes require, as they are named in the identity provider.
const (
	CreateItems = "create:items"
	UpdateItems = "update:items"
	DeleteItems = "delete:items"
)

// Permissions lists every permission of this package.
func Permissions() []string { return []string{CreateItems, UpdateItems, DeleteItems} }

// DefaultMenu is the content of a new database: the three items of the NestJS application.
func DefaultMenu() []Item {
	const images = "https://cdn.auth0.com/blog/whatabyte/"
	return []Item{
		{ID: 1, Name: "Burger", Price: 599, Description: "Tasty", Image: images + "burger-sm.png", Version: 1},
		{ID: 2, Name: "Pizza", Price: 299, Description: "Cheesy", Image: images + "pizza-sm.png", Version: 1},
		{ID: 3, Name: "Tea", Price: 199, Description: "Informative", Image: images + "tea-sm.png", Version: 1},
	}
}

// MenuKey is the place of the item in the order of the menu: its position, or 1,000 times its id. The limit prevents an
// overflow. Both engines compute it in the column menu_key.
func (i *Item) MenuKey() int64 {
	if i.Position != nil {
		return *i.Position
	}
	return 1000 * min(i.ID, 9_000_000_000_000_000)
}

// Field is one field of an Item that a client can write: one with a validate tag.
type Field struct {
	// Name is the name in JSON and in messages, and the CSV heading.
	Name string
	// Optional says that the field is absent from the JSON when unset.
	Optional bool
	// IsText distinguishes text from numbers and booleans.
	IsText bool

	column  string
	rules   string       // for the validator
	index   int          // in the struct
	pointer reflect.Type // *T for a field of type T or *T
	trim    bool         // stored without surrounding white space
	// typeMessage is what a value that is not text must be, "" for text.
	typeMessage string
}

var fields = readFields(reflect.TypeFor[Item]())

// Fields returns the fields that a client can write, in the order of the JSON.
func Fields() []Field { return fields }

// readFields reads the tags of the struct. It panics if a field has a type that nothing can decode.
func readFields(item reflect.Type) (fields []Field) {
	for _, declared := range reflect.VisibleFields(item) {
		rules, writable := declared.Tag.Lookup("validate")
		if !writable {
			continue
		}
		name, options, _ := strings.Cut(declared.Tag.Get("json"), ",")
		f := Field{
			Name: name, Optional: strings.Contains(options, "omit"),
			column: declared.Tag.Get("db"), rules: rules, index: declared.Index[0], pointer: declared.Type,
			trim: declared.Tag.Get("mod") == "trim",
		}
		if f.pointer.Kind() != reflect.Pointer {
			f.pointer = reflect.PointerTo(declared.Type)
		}
		switch f.pointer {
		case reflect.TypeFor[*string]():
			f.IsText = true
		case reflect.TypeFor[*Price](), reflect.TypeFor[*int64]():
			f.typeMessage = numberMessage(f.isPrice(), rules)
		case reflect.TypeFor[*bool]():
			f.typeMessage = "must be true or false"
		default:
			panic("items: no decoder for the type of " + declared.Name)
		}
		fields = append(fields, f)
	}
	return fields
}

func (f Field) isPrice() bool { return f.pointer == reflect.TypeFor[*Price]() }

func fieldNamed(name string) (Field, bool) {
	i := slices.IndexFunc(fields, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return Field{}, false
	}
	return fields[i], true
}

// Columns returns the columns of an engine's table that hold the fields which a client can write. The id, the version and
// the columns that an engine derives for search and order are not among them.
func Columns() []string {
	columns := make([]string, len(fields))
	for i, f := range fields {
		columns[i] = f.column
	}
	return columns
}

// InsertColumns inserts Columns, their named parameters (@name, ...) and their assignments (name = @name, ...) into an SQL
// statement. Engines call it once for each statement, at start-up.
func InsertColumns(statement string) string {
	columns := Columns()
	assignments := make([]string, len(columns))
	for i, column := range columns {
		assignments[i] = column + " = @" + column
	}
	return strings.NewReplacer(
		"{columns}", strings.Join(columns, ", "),
		"{values}", "@"+strings.Join(columns, ", @"),
		"{assignments}", strings.Join(assignments, ", "),
	).Replace(statement)
}

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
