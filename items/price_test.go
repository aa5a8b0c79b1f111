package items

import (
	"math/big"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPriceString(t *testing.T) {
	t.Parallel()
	for price, want := range map[Price]string{
		0: "0", 1: "0.01", 9: "0.09", 10: "0.1", 50: "0.5", 99: "0.99", 100: "1", 101: "1.01", 110: "1.1",
		510: "5.1", 500: "5", 599: "5.99", 100_000_000: "1000000", -599: "-5.99",
	} {
		if got := price.String(); got != want {
			t.Errorf("%d: got %s, want %s", int64(price), got, want)
		}
	}
}

func TestParseDecimal(t *testing.T) {
	t.Parallel()
	zeros := strings.Repeat("0", 60_000)
	for literal, want := range map[string]int64{
		"0": 0, "-0": 0, "0.00": 0, "0e999999999999999999999": 0, "-0.0e-5": 0,
		"5.99": 599, "5.990": 599, "5.9900000": 599, "599e-2": 599, "0.0599e2": 599, "0.0599E+2": 599, "59.9e-1": 599,
		"1e2": 10_000, "1E2": 10_000, "1000000": 100_000_000, "-5.99": -599, "0.01": 1, "-0.01": -1,
		"0." + zeros + "1e60001": 100, "1" + zeros + "e-60000": 100, "999999999999999.99": 99999999999999999,
	} {
		got, err := ParseDecimal(literal, 2)
		if err != nil || got != want {
			t.Errorf("%.40s: got %d, %v, want %d", literal, got, err, want)
		}
	}
	for literal, want := range map[string]error{
		"5.999": errTooPrecise, "5.990000000000001": errTooPrecise, "0.001": errTooPrecise, "1e-3": errTooPrecise,
		"1e-999999999999999999999": errTooPrecise, "1e400": errTooLarge, "1e999999999999999999999": errTooLarge,
		"-1e400": errTooLarge, "1" + zeros: errTooLarge, "10000000000000000.01": errTooLarge,
	} {
		if got, err := ParseDecimal(literal, 2); err != want { //nolint:errorlint // returned as they are
			t.Errorf("%.40s: got %d, %v, want %v", literal, got, err, want)
		}
	}
}

// What ParseDecimal takes is what exact arithmetic says, and what it prints is read back as the same price.
func TestParseDecimalIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		literal := rapid.StringMatching(`-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,6})?([eE][+-]?[0-9]{1,2})?`).Draw(t, "literal")
		assertExact(t, literal)
	})
}

func FuzzParseDecimal(f *testing.F) {
	for _, literal := range []string{"0", "-0", "5.99", "1e2", "1e400", "5.990000000000001", "1E-2", "123456789012345678.12"} {
		f.Add(literal)
	}
	f.Fuzz(func(t *testing.T, literal string) {
		if !isNumber(literal) || len(literal) > 100 {
			t.Skip("not a JSON number of a size that exact arithmetic can expand")
		}
		if i := strings.IndexAny(literal, "eE"); i >= 0 && len(literal)-i > 5 {
			t.Skip("an exponent that exact arithmetic cannot expand")
		}
		assertExact(t, literal)
	})
}

type fataler interface {
	Fatalf(format string, args ...any)
}

func assertExact(t fataler, literal string) {
	exact, ok := new(big.Rat).SetString(literal)
	if !ok {
		t.Fatalf("%s: exact arithmetic does not read it", literal)
	}
	exact.Mul(exact, big.NewRat(100, 1))
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(18), nil)
	got, err := ParseDecimal(literal, 2)
	switch {
	case !exact.IsInt():
		if err != errTooPrecise { //nolint:errorlint // returned as it is
			t.Fatalf("%s: got %d, %v, want errTooPrecise", literal, got, err)
		}
	case exact.Num().CmpAbs(limit) >= 0:
		if err != errTooLarge { //nolint:errorlint // returned as it is
			t.Fatalf("%s: got %d, %v, want errTooLarge", literal, got, err)
		}
	default:
		if err != nil || exact.Num().Cmp(big.NewInt(got)) != 0 {
			t.Fatalf("%s: got %d, %v, want %s", literal, got, err, exact.Num())
		}
		if again, err := ParseDecimal(Price(got).String(), 2); err != nil || again != got {
			t.Fatalf("%s: printed as %s and read back as %d, %v", literal, Price(got), again, err)
		}
	}
}

// isNumber is the grammar of RFC 8259 section 6, which the JSON decoder has checked before ParseDecimal is called.
func isNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	rangeError := err != nil && strings.Contains(err.Error(), "range")
	return (err == nil || rangeError) && numberGrammar.MatchString(s)
}
