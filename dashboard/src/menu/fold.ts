// Letters that Unicode does not decompose into a letter and an accent.
const undecomposed: Record<string, string> = { ø: 'o', ł: 'l', đ: 'd', ð: 'd', þ: 'th', æ: 'ae', œ: 'oe', ı: 'i' }

/**
 * The text without differences of case, accents, width, apostrophes, dashes and spaces, like the server's items.Fold, so that
 * both find the same items. The tests of both read testdata/fold.json.
 */
export function fold(text: string): string {
  return text
    .replace(/[‘’‚‛ʹʻʼʽˈ´′＇]/g, "'")
    .replace(/[\p{Pd}\u2212]/gu, '-')
    .replace(/\p{Zs}/gu, ' ')
    .replace(/[\u00ad\u200b\u2060\ufeff]/g, '') // invisible within a word
    .toUpperCase() // ß becomes SS, which toLowerCase alone would not do
    .toLowerCase()
    .replace(/ς/g, 'σ') // toLowerCase turns a final Σ into ς
    .normalize('NFKD')
    .replace(/\p{Mn}/gu, '')
    .normalize('NFC')
    .replace(/[øłđðþæœı]/g, (letter) => undecomposed[letter] ?? letter)
}
