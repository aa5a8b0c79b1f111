package items

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/dustin/go-humanize"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/go-playground/validator/v10"
	"golang.org/x/text/unicode/rangetable"
)

// Input is a request body before it becomes an item: the fields that the client sent, and everything that is wrong with
// them. All problems are reported at once, so Add never fails.
type Input struct {
	prefix string // of the field names in messages: "item." in a wrapped body
	id     string // the literal of the id, "" without one; what it must be depends on the request

	values     map[string]any    // of known fields, by JSON name: a pointer, nil for null
	typeErrors map[string]string // messages about fields of the wrong JSON type
	unknown    []string          // paths of unknown fields
	describe   map[string]string // replaces the message about a number, see Describe
	scope      []string          // the fields that a replacement removes unless they were sent, nil for all
}

// NewInput returns an input without any field. The names of fields in messages begin with prefix.
func NewInput(prefix string) *Input {
	return &Input{prefix: prefix, values: map[string]any{}, typeErrors: map[string]string{}, describe: map[string]string{}}
}

// Add takes one member of the JSON object.
func (in *Input) Add(name string, value jsontext.Value) {
	if name == "id" {
		switch value.Kind() {
		case jsontext.KindNull:
		case jsontext.KindNumber:
			in.id = string(value)
		default:
			in.Reject("id", "must be a number")
		}
		return
	}
	f, known := fieldNamed(name)
	if !known {
		in.unknown = append(in.unknown, in.prefix+shorten(name))
		return
	}
	if f.Optional && string(value) == `""` {
		value = jsontext.Value("null") // what a form sends for an empty optional field
	}
	decoded, problem := f.decode(value)
	in.values[name] = decoded
	if problem != "" {
		in.typeErrors[name] = problem
	}
}

// Reject records that a field cannot be used. The message completes a sentence that begins with the field's name.
func (in *Input) Reject(name, message string) { in.typeErrors[name] = message }

// Describe replaces the message about a number of the wrong type or size, for a contract that writes it in another form.
func (in *Input) Describe(name, message string) { in.describe[name] = message }

// ReplaceOnly limits a replacement to these fields. Other fields of the item change only if they were sent, so that a client
// never erases a field that its contract does not have.
func (in *Input) ReplaceOnly(names ...string) { in.scope = names }

// IDMustMatch rejects an id other than the one in the path, which is opaque text. The input's own id is then ignored.
func (in *Input) IDMustMatch(pathID string) {
	if in.id != "" && in.id != pathID {
		in.Reject("id", "must be the id in the path, or be omitted")
	}
	in.id = ""
}

// SetID sets the id of the item, for a contract that does not send it as a number.
func (in *Input) SetID(id string) { in.id = id }

// decode reads the value of a member into a pointer to the field's type, nil for null. problem is a message for the client
// if the value has the wrong JSON type.
func (f Field) decode(value jsontext.Value) (decoded any, problem string) {
	if value.Kind() == jsontext.KindNull {
		return reflect.Zero(f.pointer).Interface(), ""
	}
	if f.IsText {
		text, problem := decodeText(value)
		if f.trim {
			text = strings.TrimSpace(text)
		}
		return &text, problem
	}
	if f.pointer == reflect.TypeFor[*bool]() {
		isTrue := value.Kind() == jsontext.KindTrue
		if !isTrue && value.Kind() != jsontext.KindFalse {
			problem = f.typeMessage
		}
		return &isTrue, problem
	}
	decimals := 0
	if f.isPrice() {
		decimals = priceDecimals
	}
	n, ok := decodeNumber(value, decimals)
	if !ok {
		problem = f.typeMessage
		if _, isNumber := decodeNumber(jsontext.Value(strings.Trim(string(value), `"`)), decimals); isNumber {
			problem = "must be a number, not text"
		}
	}
	if f.isPrice() {
		return (*Price)(&n), problem
	}
	return &n, problem
}

func decodeText(value jsontext.Value) (text, problem string) {
	if value.Kind() != jsontext.KindString {
		return "", "must be a string"
	}
	raw, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return "", "is not valid JSON"
	}
	if strings.ContainsRune(string(raw), 0) {
		return "", "must not contain the character U+0000" // PostgreSQL cannot store it
	}
	return string(raw), ""
}

func decodeNumber(value jsontext.Value, decimals int) (n int64, ok bool) {
	if value.Kind() != jsontext.KindNumber {
		return 0, false
	}
	n, err := ParseDecimal(string(value), decimals)
	return n, err == nil
}

// noID means that the path has no id. No item has it, because ids are positive.
const noID int64 = 0

// target returns the id of the item that a write is about: the one in the path, or the input's own.
func (in *Input) target(pathID int64) (id int64, problem string) {
	if in.id == "" {
		if pathID == noID {
			return noID, "is required"
		}
		return pathID, ""
	}
	id, err := ParseDecimal(in.id, 0)
	switch {
	case err != nil || id <= 0:
		return noID, "must be a positive integer"
	case pathID != noID && id != pathID:
		return noID, "must be " + strconv.FormatInt(pathID, 10) + ", the id in the path, or be omitted"
	}
	return id, ""
}

// Item returns the item that the input describes, without its id. The error is a *ValidationError.
func (in *Input) Item() (Item, error) {
	if err := in.validate(false, ""); err != nil {
		return Item{}, err
	}
	return in.patch(Item{}), nil
}

// patch returns the item with the fields that were sent replaced, as RFC 7396 merges them: null removes.
func (in *Input) patch(item Item) Item {
	target := reflect.ValueOf(&item).Elem()
	for _, f := range fields {
		value, sent := in.values[f.Name]
		if !sent {
			continue
		}
		to, from := target.Field(f.index), reflect.ValueOf(value)
		switch {
		case to.Kind() == reflect.Pointer:
			to.Set(from)
		case from.IsNil():
			to.SetZero()
		default:
			to.Set(from.Elem())
		}
	}
	return item
}

// replace returns the item with all fields replaced: one that was not sent becomes unset, unless ReplaceOnly excludes it.
func (in *Input) replace(item Item) Item {
	target := reflect.ValueOf(&item).Elem()
	for _, f := range fields {
		if in.scope == nil || slices.Contains(in.scope, f.Name) {
			target.Field(f.index).SetZero()
		}
	}
	return in.patch(item)
}

// maxUnknown is how many unknown fields are reported at most.
const maxUnknown = 20

// validate checks the input: as a whole item, or, if partial, only the fields that were sent. idProblem is what is wrong
// with its id, or "".
//
// The error is a *ValidationError that lists every invalid field, in the order of the item, and then the unknown fields by name.
func (in *Input) validate(partial bool, idProblem string) error {
	var invalid problems
	if message := cmp.Or(in.typeErrors["id"], idProblem); message != "" {
		invalid.add(in.prefix+"id", message)
	}
	for _, f := range fields {
		value, sent := in.values[f.Name]
		message := in.typeErrors[f.Name]
		if message == "" && (sent || !partial) {
			message = f.check(value)
		}
		if message == f.typeMessage && in.describe[f.Name] != "" {
			message = in.describe[f.Name]
		}
		if message != "" {
			invalid.add(in.prefix+f.Name, message)
		}
	}
	slices.Sort(in.unknown)
	for _, path := range in.unknown[:min(len(in.unknown), maxUnknown)] {
		invalid.add(path, "is not a field of an item")
	}
	return invalid.err("The item is not valid. See errors for each invalid field.")
}

// check applies the rules of the field to a value, which is nil if it was not sent. It returns a message for the person who
// typed the value, or "".
func (f Field) check(value any) string {
	if value == nil {
		value = reflect.Zero(f.pointer).Interface()
	}
	failures, failed := errors.AsType[validator.ValidationErrors](rules.Var(value, f.rules))
	if !failed {
		return ""
	}
	switch rule := failures[0]; {
	case rule.Tag() == "required":
		return "is required"
	case !f.IsText:
		return f.typeMessage
	case rule.Tag() == "min":
		return "must not be empty"
	case rule.Tag() == "max":
		return "must be at most " + rule.Param() + " characters long"
	case rule.Tag() == "visible":
		return "must contain a character that is visible"
	case rule.Tag() == "image_url":
		return imageProblem(reflect.ValueOf(value).Elem().String())
	default:
		return "must satisfy " + strconv.Quote(rule.Tag())
	}
}

// rules is the validator for the tags of an Item.
var rules = func() *validator.Validate {
	v := validator.New()
	for tag, rule := range map[string]validator.Func{"image_url": isImageURL, "visible": isVisible} {
		if err := v.RegisterValidation(tag, rule); err != nil {
			panic(err) // the tag is empty or taken
		}
	}
	return v
}()

// invisible are the characters that render as nothing: white space, control and format characters such as zero-width ones
// and bidi controls, variation selectors, fillers, and the empty Braille pattern.
var invisible = rangetable.Merge(
	unicode.White_Space, unicode.Cc, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, rangetable.New('\u2800'),
)

// isVisible accepts text with a character that renders as something.
func isVisible(field validator.FieldLevel) bool {
	return strings.ContainsFunc(field.Field().String(), func(r rune) bool { return !unicode.Is(invisible, r) })
}

// isImageURL accepts an absolute http or https URL, or nothing. The library's http_url accepts URLs that no browser can
// load, and quotes and angle brackets, which a careless page would treat as markup.
func isImageURL(field validator.FieldLevel) bool { return imageProblem(field.Field().String()) == "" }

// imageProblem returns what is wrong with the URL of an image, or "".
func imageProblem(image string) string {
	const absolute = "must be an absolute http or https URL, or empty"
	scheme, _, _ := strings.Cut(image, "://")
	if image == "" {
		return ""
	}
	if scheme = strings.ToLower(scheme); len(scheme) == len(image) || scheme != "http" && scheme != "https" {
		return absolute
	}
	// RFC 3986 section 2: a URL contains these characters only in percent-encoded form.
	for _, c := range image {
		switch {
		case c == ' ':
			return "must not contain a space: write %20"
		case c < ' ' || c == 0x7f:
			return fmt.Sprintf("must not contain a control character (%U)", c)
		case strings.ContainsRune("\"<>\\^`{|}", c):
			return fmt.Sprintf("must not contain %c: write %%%X", c, c)
		}
	}
	u, err := url.Parse(image)
	if escape, ok := errors.AsType[url.EscapeError](err); ok {
		return fmt.Sprintf("must not contain %s: write %%25 for a percent sign", string(escape))
	}
	switch {
	case err != nil:
		return "must have a valid host and port"
	case u.User != nil:
		return "must not contain a user name or password"
	case strings.Trim(u.Hostname(), ".") == "":
		return absolute
	}
	if _, err := strconv.ParseUint(cmp.Or(u.Port(), "80"), 10, 16); err != nil {
		return "must have a valid host and port"
	}
	return ""
}

// numberMessage returns what a number must be, derived from the validation rules min and max.
func numberMessage(isPrice bool, tag string) string {
	limit := map[string]int64{}
	for rule := range strings.SplitSeq(tag, ",") {
		name, value, _ := strings.Cut(rule, "=")
		limit[name], _ = strconv.ParseInt(value, 10, 64)
	}
	const cents = 100
	if isPrice {
		return "must be a number from " + humanize.Comma(limit["min"]/cents) + " to " + humanize.Comma(limit["max"]/cents) + " with at most two decimals"
	}
	return "must be a whole number from " + humanize.Comma(limit["min"]) + " to " + humanize.Comma(limit["max"])
}
