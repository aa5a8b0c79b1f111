package items

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Price is an amount of money in minor units (cents), so that 5.99 is 599 and sums are exact. It is never a float: 5.99
// has no binary representation.
type Price int64

// MaxPrice is the highest price of an item, 1,000,000.00.
const MaxPrice Price = 1_000_000_00

// priceDecimals is how many decimals a price may have.
const priceDecimals = 2

// MarshalJSON prints a price the way JavaScript prints the number: 5.99, 5.1, 5.
func (p Price) MarshalJSON() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalJSON reads a number with at most two decimals.
func (p *Price) UnmarshalJSON(literal []byte) error {
	cents, err := ParseDecimal(string(literal), priceDecimals)
	*p = Price(cents)
	return err
}

// String returns the price in major units without trailing zeros.
func (p Price) String() string {
	sign := ""
	if p < 0 {
		sign, p = "-", -p
	}
	return sign + strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%d.%02d", p/100, p%100), "0"), ".")
}

var (
	errTooPrecise = errors.New("has too many decimals")
	errTooLarge   = errors.New("is too large")
)

// ParseDecimal reads the literal of a JSON number (RFC 8259 section 6) as an exact count of 10^-decimals: "5.99" with two
// decimals is 599, and so are 5.990, 599e-2 and 0.0599e2. The cost is linear in the length of the literal: an exponent is
// never expanded.
//
// It returns an error if the value has more decimals than that, or does not fit.
func ParseDecimal(literal string, decimals int) (int64, error) {
	rest, negative := strings.CutPrefix(literal, "-")
	mantissa, exponent := rest, int64(0)
	if i := strings.IndexAny(rest, "eE"); i >= 0 {
		mantissa = rest[:i]
		// ParseInt returns the limit for an exponent beyond 32 bits. No literal of a request body fits there.
		exponent, _ = strconv.ParseInt(rest[i+1:], 10, 32)
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return 0, nil // 0, -0, 0.00, 0e999
	}
	significant := strings.TrimRight(digits, "0")
	// zeros is how many zeros to append to the significant digits to get the count.
	zeros := int(exponent) - len(fraction) + len(digits) - len(significant) + decimals
	switch {
	case zeros < 0:
		return 0, errTooPrecise
	case len(significant)+zeros > 18: // 10^18 - 1 fits into an int64
		return 0, errTooLarge
	}
	count, err := strconv.ParseInt(significant+strings.Repeat("0", zeros), 10, 64)
	if err != nil {
		return 0, errTooLarge
	}
	if negative {
		count = -count
	}
	return count, nil
}
