package items

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Draft is an item as a client wrote it, on the way to being one. A nil field was absent or null. The validate tags are
// the rules of the menu; what the tags cannot say is in validate.go.
type Draft struct {
	Name        *string `json:"name"        validate:"required,min=1,max=200"`
	Price       *Price  `json:"price"       validate:"required,min=0,max=100000000"`
	Description *string `json:"description" validate:"required,max=2000"`
	Image       *string `json:"image"       validate:"required,max=2048,image_url"`
	Tagline     *string `json:"tagline"     validate:"omitempty,max=200"`
	Category    *string `json:"category"    validate:"omitempty,max=100"`
	Calories    *int64  `json:"calories"    validate:"omitempty,min=0,max=100000"`

	// id is the literal of the id, "" when there is none. What it must be depends on the request.
	id string
	// prefix is what stands before a field's name in its path: "item." when the item came wrapped.
	prefix string
	// sent are the names of the known fields that the client wrote, null ones included.
	sent map[string]bool
	// misfits are the fields that do not have the right JSON type, by name.
	misfits map[string]string
	// unknown are the paths of fields that an item does not have.
	unknown []string
	// priceMessage and caloriesMessage say what is right in the form that the client used.
	priceMessage, caloriesMessage string
}

func newDraft() *Draft {
	return &Draft{
		sent: map[string]bool{}, misfits: map[string]string{},
		priceMessage: priceMessage, caloriesMessage: caloriesMessage,
	}
}

// read takes in one member of the item's JSON object.
func (d *Draft) read(name string, value jsontext.Value) {
	var misfit string
	switch name {
	case "id":
		d.id, misfit = readID(value)
	case "name":
		d.Name, misfit = readText(value)
		if d.Name != nil {
			*d.Name = strings.TrimSpace(*d.Name)
		}
	case "price":
		d.Price, misfit = readPrice(value)
	case "description":
		d.Description, misfit = readText(value)
	case "image":
		d.Image, misfit = readText(value)
	case "tagline":
		d.Tagline, misfit = readText(emptyIsNull(value))
	case "category":
		d.Category, misfit = readText(emptyIsNull(value))
	case "calories":
		d.Calories, misfit = readCalories(emptyIsNull(value))
	default:
		d.unknown = append(d.unknown, d.prefix+shorten(name))
		return
	}
	d.took(name, misfit)
}

// took notes that a known field was sent, and what is wrong with its type.
func (d *Draft) took(name, misfit string) {
	d.sent[name] = true
	if misfit != "" {
		d.misfits[name] = misfit
	}
}

// item returns the item that a valid draft describes.
func (d *Draft) item() Item {
	var item Item
	d.writeTo(&item, func(string) bool { return true })
	return item
}

// patch returns the item with the fields that were sent replaced, as RFC 7396 merges them: null removes.
func (d *Draft) patch(item Item) Item {
	d.writeTo(&item, func(name string) bool { return d.sent[name] })
	return item
}

func (d *Draft) writeTo(item *Item, wanted func(name string) bool) {
	set(&item.Name, d.Name, wanted("name"))
	set(&item.Price, d.Price, wanted("price"))
	set(&item.Description, d.Description, wanted("description"))
	set(&item.Image, d.Image, wanted("image"))
	set(&item.Tagline, d.Tagline, wanted("tagline"))
	set(&item.Category, d.Category, wanted("category"))
	if wanted("calories") {
		item.Calories = d.Calories
	}
}

// set stores the value, or the zero value for nil.
func set[T any](field, value *T, wanted bool) {
	var zero T
	switch {
	case !wanted:
	case value == nil:
		*field = zero
	default:
		*field = *value
	}
}
