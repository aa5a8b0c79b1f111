package whatabyte

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"menu-api/items"
)

// dto is an item as the dashboards read it: the id is text, because they compare it with a part of a URL, and the price is
// in cents. It has every field, unset or not, because their forms bind them all.
type dto struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Price       int64  `json:"price"`
	Description string `json:"description"`
	Image       string `json:"image"`
	Tagline     string `json:"tagline"`
	Category    string `json:"category"`
	// Calories is null when unset, because 0 is a valid value.
	Calories *int64 `json:"calories"`

	// Item adds the fields that the published contract does not have, if they are set. The fields above hide their namesakes.
	items.Item
}

// published are the fields of the published contract, except the id.
var published = []string{"name", "price", "description", "image", "tagline", "category", "calories"}

func dtoOf(item items.Item) dto {
	return dto{
		ID: strconv.FormatInt(item.ID, 10), Name: item.Name, Price: int64(item.Price), Description: item.Description,
		Image: item.Image, Tagline: item.Tagline, Category: item.Category, Calories: item.Calories, Item: item,
	}
}

func dtosOf(menu []items.Item) []dto {
	dtos := make([]dto, len(menu))
	for i, item := range menu {
		dtos[i] = dtoOf(item)
	}
	return dtos
}

const (
	priceMessage    = `must be a whole number of cents from 0 to 100,000,000, or text such as "4.99"`
	caloriesMessage = "must be a whole number from 0 to 100,000, as a number or as text"
)

// canonical returns the name of the field that a member is for: the published dashboards write some names with a capital.
func canonical(member string) string {
	if strings.EqualFold(member, "id") {
		return "id"
	}
	for _, f := range items.Fields() {
		if strings.EqualFold(member, f.Name) {
			return f.Name
		}
	}
	return member
}

// decode reads a body: the item alone, with names in any case and numbers that may be text, because a form sends what was
// typed. It rewrites the values to those of /items, and is as strict.
//
// The error is an *items.ValidationError.
func decode(body []byte, pathID string) (*items.Input, error) {
	object, err := items.ParseObject(body, "request body", `{"name":...}`)
	if err != nil {
		return nil, err
	}
	in := items.NewInput("")
	in.ReplaceOnly(published...)
	in.Describe("price", priceMessage)
	in.Describe("calories", caloriesMessage)
	seen := map[string]bool{}
	for _, member := range slices.Sorted(maps.Keys(object)) {
		name, value := canonical(member), object[member]
		if seen[name] {
			in.Reject(name, "appears in several spellings")
			continue
		}
		seen[name] = true
		text, isText := stringOf(value)
		switch {
		case name == "id" && isText:
			in.SetID(text)
		case name == "price" && value.Kind() != jsontext.KindNull:
			if price, ok := priceOf(value, text); ok {
				in.Add("price", jsontext.Value(price.String()))
			} else {
				in.Reject("price", priceMessage)
			}
		case name == "calories" && isDigits(text):
			in.Add("calories", jsontext.Value(cmp.Or(strings.TrimLeft(text, "0"), "0"))) // JSON has no leading zeros
		default:
			in.Add(name, value)
		}
	}
	if pathID != "" {
		in.IDMustMatch(pathID)
	}
	return in, nil
}

// priceOf reads a price. A number is in cents, and so is text of digits alone, which is what a form shows of the number.
// Text with two decimals is what a person types.
func priceOf(value jsontext.Value, text string) (items.Price, bool) {
	whole, decimals, hasPoint := strings.Cut(text, ".")
	places := 2
	switch {
	case value.Kind() == jsontext.KindNumber:
		return wholeCents(string(value))
	case isDigits(text):
		places = 0
	case !hasPoint || !isDigits(whole) || !isDigits(decimals) || len(decimals) != 2:
		return 0, false
	}
	cents, err := items.ParseDecimal(text, places)
	return items.Price(cents), err == nil
}

// wholeCents reads a number of cents. A dashboard multiplies what was typed by 100 in floating point, so that 4.35 becomes
// 434.99999999999994.
func wholeCents(literal string) (items.Price, bool) {
	const tolerance, most = 0.000001, float64(items.MaxPrice)
	number, err := strconv.ParseFloat(literal, 64)
	cents := math.Round(number)
	return items.Price(cents), err == nil && math.Abs(number-cents) <= tolerance && math.Abs(cents) <= most
}

func stringOf(value jsontext.Value) (text string, ok bool) {
	if value.Kind() != jsontext.KindString {
		return "", false
	}
	raw, err := jsontext.AppendUnquote(nil, value)
	return string(raw), err == nil
}

func isDigits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }
