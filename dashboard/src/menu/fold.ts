// Letters that Unicode does not decompose into a letter and an accent.
const undecomposed: Record<string, string> = {
  ø: 'o',
  ł: 'l',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  æ: 'ae',
  œ: 'oe',
  ı: 'i',
}

/**
 * The text without differences of case, accents and width, like the server's items.Fold, so that both find the same items.
 * The tests of both read testdata/fold.json.
 */
export function fold(text: string): string {
  return text
    .toUpperCase() // ß becomes SS, which toLowerCase alone would not do
    .toLowerCase()
    .replace(/ς/g, 'σ') // toLowerCase turns a final Σ into ς
    .normalize('NFKD')
    .replace(/\p{Mn}/gu, '')
    .normalize('NFC')
    .replace(/[øłđðþæœı]/g, (letter) => undecomposed[letter] ?? letter)
}
