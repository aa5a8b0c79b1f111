package items

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// The readers below turn the value of one member into its Go value. null is nil. A value of the wrong kind comes back
// as a message for the client.

const (
	priceMessage    = "must be a number from 0 to 1,000,000 with at most two decimals"
	caloriesMessage = "must be a whole number from 0 to 100,000"
)

func readText(value jsontext.Value) (text *string, misfit string) {
	switch value.Kind() {
	case jsontext.KindNull:
		return nil, ""
	case jsontext.KindString:
		s := unquote(value)
		// PostgreSQL cannot keep this character in a text, so no engine takes it.
		if strings.ContainsRune(s, 0) {
			return nil, "must not contain the character U+0000"
		}
		return &s, ""
	default:
		return nil, "must be a string"
	}
}

func readPrice(value jsontext.Value) (price *Price, misfit string) {
	cents, misfit := readNumber(value, priceDecimals, priceMessage)
	return (*Price)(cents), misfit
}

func readCalories(value jsontext.Value) (calories *int64, misfit string) {
	return readNumber(value, 0, caloriesMessage)
}

func readNumber(value jsontext.Value, decimals int, message string) (count *int64, misfit string) {
	switch value.Kind() {
	case jsontext.KindNull:
		return nil, ""
	case jsontext.KindNumber:
		n, err := parseDecimal(string(value), decimals)
		if err != nil {
			return nil, message
		}
		return &n, ""
	default:
		return nil, message
	}
}

// readID takes the literal as it is: on a POST any number will do, since it is ignored.
func readID(value jsontext.Value) (literal, misfit string) {
	switch value.Kind() {
	case jsontext.KindNull:
		return "", ""
	case jsontext.KindNumber:
		return string(value), ""
	default:
		return "", "must be a number"
	}
}

// emptyIsNull lets an empty string unset an optional field, which is what a form sends for it.
func emptyIsNull(value jsontext.Value) jsontext.Value {
	if string(value) == `""` {
		return jsontext.Value("null")
	}
	return value
}

// unquote decodes a string that is known to be one.
func unquote(value jsontext.Value) string {
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		panic("items: a checked JSON string does not decode: " + err.Error())
	}
	return string(text)
}
