package items

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
)

// undecomposed are Latin letters that Unicode does not take apart into a letter and an accent, as their readers do.
var undecomposed = strings.NewReplacer("ø", "o", "ł", "l", "đ", "d", "ð", "d", "þ", "th", "æ", "ae", "œ", "oe", "ı", "i")

// Fold returns the text without its differences of case, accents and width, so that crème brûlée is found as CREME
// BRULEE. Both engines store it and compare it byte by byte, since their own rules for text differ.
func Fold(text string) string {
	if isASCII(text) {
		return strings.ToLower(text)
	}
	folder := folders.Get().(transform.Transformer) //nolint:forcetypeassert // nothing else is put in
	defer folders.Put(folder)
	folded, _, err := transform.String(folder, text)
	if err != nil {
		return strings.ToLower(text) // no text is known that gets here
	}
	return undecomposed.Replace(folded)
}

// folders are kept for the next text: to make one costs many times what it does.
var folders = sync.Pool{New: func() any {
	return transform.Chain(cases.Fold(), norm.NFKD, runes.Remove(runes.In(unicode.Mn)), norm.NFC)
}}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// maxSortKey bounds what an index holds of a text, in bytes: folding can make a text many times longer, and engines bound
// their index entries.
const maxSortKey = 256

// SortKey returns what an item is ordered or grouped by for a text of its: the beginning of the folded text.
func SortKey(text string) string {
	key := Fold(text)
	if len(key) <= maxSortKey {
		return key
	}
	end := maxSortKey
	for !utf8.RuneStart(key[end]) {
		end--
	}
	return key[:end]
}

// SearchText returns the folded text of an item in which words are looked for.
func SearchText(item Item) string {
	// One by one, since the short way is for those that are plain.
	return strings.Join([]string{Fold(item.Name), Fold(item.Description), Fold(item.Tagline), Fold(item.Category)}, "\n")
}

// searchWords splits what a person typed into the words to look for.
func searchWords(typed string) []string { return strings.Fields(Fold(typed)) }
