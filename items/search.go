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

// undecomposed are Latin letters that Unicode does not decompose into a letter and an accent, although readers do.
var undecomposed = strings.NewReplacer("ø", "o", "ł", "l", "đ", "d", "ð", "d", "þ", "th", "æ", "ae", "œ", "oe", "ı", "i")

// plain returns the character that a keyboard has for one that a phone or a text processor types: an apostrophe, a dash or a
// space. It returns -1 for an invisible character within a word.
func plain(r rune) rune {
	switch {
	case strings.ContainsRune("‘’‚‛ʹʻʼʽˈ´′＇", r):
		return '\''
	case unicode.Is(unicode.Pd, r), r == '\u2212': // the minus sign
		return '-'
	case unicode.Is(unicode.Zs, r):
		return ' '
	case r == '\u00ad', r == '\u200b', r == '\u2060', r == '\ufeff': // soft hyphen, zero-width space, word joiner, byte order mark
		return -1
	}
	return r
}

// Fold removes differences of case, accents, width, apostrophes, dashes and spaces, so that a search for CREME BRULEE finds
// crème brûlée. Both engines store folded text and compare it byte by byte, because their own rules for text differ.
//
// After a change of Fold, a migration has to mark the stored keys of every item as out of date, as migration 6 does. Then the
// engines make them again in the background.
func Fold(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII }) {
		return strings.ToLower(text)
	}
	folder := folders.Get().(transform.Transformer) //nolint:forcetypeassert // nothing else is put in
	defer folders.Put(folder)
	folded, _, err := transform.String(folder, strings.Map(plain, text))
	if err != nil {
		return strings.ToLower(text) // no known text leads here
	}
	return undecomposed.Replace(folded)
}

// folders are reused, because creating one takes many times longer than using it.
var folders = sync.Pool{New: func() any {
	return transform.Chain(cases.Fold(), norm.NFKD, runes.Remove(runes.In(unicode.Mn)), norm.NFC)
}}

// maxSortKey limits the text in an index, in bytes: folding can make a text many times longer, and engines limit the size
// of index entries.
const maxSortKey = 256

// SortKey returns the beginning of the folded text, by which items are sorted or grouped.
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

// SearchText returns the folded text of an item, which a search looks through.
func SearchText(item Item) string {
	return strings.Join([]string{Fold(item.Name), Fold(item.Description), Fold(item.Tagline), Fold(item.Category)}, "\n")
}

// searchWords splits what a person typed into folded words.
func searchWords(typed string) []string { return strings.Fields(Fold(typed)) }
