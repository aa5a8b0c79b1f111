package content

import (
	"strconv"
	"strings"
)

// maxAcceptEncoding is how long an Accept-Encoding header may be, in bytes. Browsers send 23.
const maxAcceptEncoding = 1 << 10

// Negotiate returns the content coding for a response to a request with these values of Accept-Encoding, or "" for none
// (RFC 9110 section 12.5.3). It is the offered one with the highest weight, or the first of them; a client that gives the
// coding identity a higher weight gets none. A header that is longer than any client needs counts as absent.
func Negotiate(acceptEncoding []string, offered ...string) string {
	length := 0
	for _, line := range acceptEncoding {
		length += len(line)
	}
	if length > maxAcceptEncoding {
		return ""
	}
	best, most := "", max(0, weightOf(acceptEncoding, "identity"))
	for _, coding := range offered {
		if weight := weightOf(acceptEncoding, coding); weight > most || weight == most && weight > 0 && best == "" {
			best, most = coding, weight
		}
	}
	return best
}

// weightOf returns the weight of a coding, that of * if the coding is not listed, and -1 if neither is.
func weightOf(acceptEncoding []string, coding string) float64 {
	weight := -1.0
	for _, line := range acceptEncoding {
		for entry := range strings.SplitSeq(line, ",") {
			name, parameter, _ := strings.Cut(entry, ";")
			switch name = strings.TrimSpace(name); {
			case strings.EqualFold(name, coding):
				return parseWeight(parameter)
			case name == "*":
				weight = parseWeight(parameter)
			}
		}
	}
	return weight
}

// parseWeight reads q=0.5. Without a parameter the weight is 1, and one that is not valid is 0.
func parseWeight(parameter string) float64 {
	name, value, _ := strings.Cut(parameter, "=")
	switch weight, err := strconv.ParseFloat(strings.TrimSpace(value), 64); {
	case strings.TrimSpace(parameter) == "":
		return 1
	case err == nil && strings.EqualFold(strings.TrimSpace(name), "q") && weight >= 0 && weight <= 1:
		return weight
	}
	return 0
}
