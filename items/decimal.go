package items

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

var (
	errTooPrecise = errors.New("has too many decimals")
	errTooLarge   = errors.New("is too large")
)

// parseDecimal reads the literal of a JSON number (RFC 8259 section 6) as an exact count of 10^-decimals: "5.99" with two
// decimals is 599. What counts is the value, so 5.990, 599e-2 and 0.0599e2 are the same. The cost is linear in the
// literal's length: an exponent is never expanded.
//
// It returns errTooPrecise when the value has more decimals than that, and errTooLarge when the count does not fit.
func parseDecimal(literal string, decimals int) (int64, error) {
	rest, negative := strings.CutPrefix(literal, "-")
	mantissa, exponent := rest, 0
	if i := strings.IndexAny(rest, "eE"); i >= 0 {
		mantissa = rest[:i]
		exponent = parseExponent(rest[i+1:])
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return 0, nil // 0, -0, 0.00, 0e999
	}
	significant := strings.TrimRight(digits, "0")
	// zeros is how many zeros to append to the significant digits to get the count.
	zeros := exponent - len(fraction) + len(digits) - len(significant) + decimals
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

// parseExponent reads an exponent and keeps it within bounds that no literal of a request body can bring back to a
// number that fits, so that sums of it cannot overflow.
func parseExponent(s string) int {
	const bound = math.MaxInt32
	n, err := strconv.Atoi(s)
	if err != nil {
		n = bound
		if strings.HasPrefix(s, "-") {
			n = -bound
		}
	}
	return min(max(n, -bound), bound)
}
