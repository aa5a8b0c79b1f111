package items

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	centsMessage        = `must be a whole number of cents from 0 to 100000000, or text such as "4.99"`
	menuCaloriesMessage = "must be a whole number from 0 to 100000, as a number or as text"
)

// parseMenuDraft reads a body of the second contract: the item alone, with numbers that may be text, since a form sends
// what was typed. It is as strict as parseDraft.
//
// The error is a *ValidationError.
func parseMenuDraft(body []byte) (*Draft, error) {
	object, err := parseObject(body, `{"name":...}`)
	if err != nil {
		return nil, err
	}
	d := newDraft()
	d.priceMessage, d.caloriesMessage = centsMessage, menuCaloriesMessage
	for _, m := range object {
		switch m.name {
		case "id":
			id, misfit := readMenuID(m.value)
			d.id = id
			d.took("id", misfit)
		case "price":
			cents, misfit := readCents(m.value)
			d.Price = (*Price)(cents)
			d.took("price", misfit)
		case "calories":
			calories, misfit := readDigits(emptyIsNull(m.value), menuCaloriesMessage)
			d.Calories = calories
			d.took("calories", misfit)
		default:
			d.read(m.name, m.value)
		}
	}
	return d, nil
}

// readMenuID takes the id as text or as the literal of a number.
func readMenuID(value jsontext.Value) (id, misfit string) {
	if value.Kind() == jsontext.KindString {
		return unquote(value), ""
	}
	if id, misfit = readID(value); misfit != "" {
		misfit = "must be text"
	}
	return id, misfit
}

// readCents reads a price: a number is cents, and so is text of digits alone, which is what a form shows of the number;
// text with two decimals is what a person types.
func readCents(value jsontext.Value) (cents *int64, misfit string) {
	if value.Kind() == jsontext.KindString {
		whole, fraction, hasPoint := strings.Cut(unquote(value), ".")
		if hasPoint && (!isDigits(whole) || !isDigits(fraction) || len(fraction) != priceDecimals) {
			return nil, centsMessage
		}
		return readDigits(jsontext.Value(`"`+whole+fraction+`"`), centsMessage)
	}
	return readNumber(value, 0, centsMessage)
}

// readDigits reads a whole number that may be text.
func readDigits(value jsontext.Value, message string) (count *int64, misfit string) {
	if value.Kind() != jsontext.KindString {
		return readNumber(value, 0, message)
	}
	digits := unquote(value)
	if !isDigits(digits) {
		return nil, message
	}
	n, err := parseDecimal(digits, 0)
	if err != nil {
		return nil, message
	}
	return &n, ""
}

func isDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// forPath checks that the draft names no other item than the path does. Its id has no further meaning.
func (d *Draft) forPath(id string) {
	if d.id != "" && d.id != id {
		d.misfits["id"] = "must be the id in the path, or be left out"
	}
	d.id = ""
}
