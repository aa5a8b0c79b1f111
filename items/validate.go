package items

import (
	"cmp"
	"errors"
	"maps"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-playground/validator/v10"
)

// rules checks the validate tags of a Draft. It knows fields by their JSON names.
var rules = newRules()

func newRules() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(func(field reflect.StructField) string { return field.Tag.Get("json") })
	if err := v.RegisterValidation("image_url", isImageURL); err != nil {
		panic(err) // the tag is empty or taken
	}
	return v
}

// isImageURL takes an absolute http or https URL, or nothing. The library's http_url takes what no browser could load, and
// quotes and angle brackets, which a page that is not careful would take for markup.
func isImageURL(field validator.FieldLevel) bool {
	image := field.Field().String()
	if image == "" {
		return true
	}
	u, err := url.Parse(image)
	if err != nil || u.User != nil || strings.Trim(u.Hostname(), ".") == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return false
	}
	if _, err := strconv.ParseUint(cmp.Or(u.Port(), "80"), 10, 16); err != nil {
		return false
	}
	// RFC 3986 section 2: these are no characters of a URL unless they are percent-encoded.
	return !strings.ContainsFunc(image, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune("\"<>\\^`{|}", r) })
}

// fieldOrder is the order in which wrong fields are reported, and the name in Go of each.
var fieldOrder = []struct{ json, goName string }{
	{"id", ""},
	{"name", "Name"},
	{"price", "Price"},
	{"description", "Description"},
	{"image", "Image"},
	{"tagline", "Tagline"},
	{"category", "Category"},
	{"calories", "Calories"},
}

// maxUnknown is how many unknown fields are reported. One who sends more has the wrong document in hand.
const maxUnknown = 20

// validate checks a draft of a whole item. idProblem is what is wrong with its id, or "".
//
// The error is a *ValidationError that holds every wrong field.
func (d *Draft) validate(idProblem string) error {
	return d.report(rules.Struct(d), idProblem)
}

// validatePatch checks the fields that were sent, and those alone.
func (d *Draft) validatePatch(idProblem string) error {
	var sent []string
	for _, field := range fieldOrder {
		if d.sent[field.json] && field.goName != "" {
			sent = append(sent, field.goName)
		}
	}
	return d.report(rules.StructPartial(d, sent...), idProblem)
}

// report joins what was wrong with the types to what is wrong with the values. A field is reported once.
func (d *Draft) report(invalid error, idProblem string) error {
	messages := map[string]string{}
	if failures, ok := errors.AsType[validator.ValidationErrors](invalid); ok {
		for _, failure := range failures {
			messages[failure.Field()] = d.message(failure)
		}
	} else if invalid != nil {
		return invalid // a rule that the library does not know: a bug
	}
	if idProblem != "" {
		messages["id"] = idProblem
	}
	maps.Copy(messages, d.misfits)

	var fields []FieldError
	for _, field := range fieldOrder {
		if m, wrong := messages[field.json]; wrong {
			fields = append(fields, FieldError{Field: d.prefix + field.json, Message: m})
		}
	}
	for _, path := range d.unknown[:min(len(d.unknown), maxUnknown)] {
		fields = append(fields, FieldError{Field: path, Message: "is not a field of an item"})
	}
	if len(fields) == 0 {
		return nil
	}
	return &ValidationError{Detail: "The item is not valid. See errors for each wrong field.", Fields: fields}
}

// message says what is right, for the person who typed the value.
func (d *Draft) message(failure validator.FieldError) string {
	switch {
	case failure.Tag() == "required":
		return "is required"
	case failure.Field() == "price":
		return d.priceMessage
	case failure.Field() == "calories":
		return d.caloriesMessage
	case failure.Tag() == "min":
		return "must not be empty"
	case failure.Tag() == "max":
		return "must be at most " + failure.Param() + " characters long"
	case failure.Field() == "image":
		return "must be an absolute http or https URL, or empty"
	default:
		return "must satisfy " + strconv.Quote(failure.Tag())
	}
}
