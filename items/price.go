package items

import "strconv"

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
	cents, err := parseDecimal(string(literal), priceDecimals)
	*p = Price(cents)
	return err
}

// String returns the price in major units without trailing zeros.
func (p Price) String() string {
	sign := ""
	if p < 0 {
		sign, p = "-", -p
	}
	whole, cents := strconv.FormatInt(int64(p/100), 10), int(p%100)
	switch {
	case cents == 0:
		return sign + whole
	case cents%10 == 0:
		return sign + whole + "." + strconv.Itoa(cents/10)
	default:
		return sign + whole + "." + strconv.Itoa(100 + cents)[1:]
	}
}
