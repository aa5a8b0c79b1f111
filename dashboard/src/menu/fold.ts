// The letters that Unicode does not take apart into a letter and an accent, as their readers do.
const undecomposed: Record<string, string> = {
  ø: 'o', ł: 'l', đ: 'd', ð: 'd', þ: 'th', æ: 'ae', œ: 'oe', ı: 'i',
}

/**
 * The text without its differences of case, accents and width, as the server's items.Fold has it, so that a search finds
 * here what it would find there. testdata/fold.json holds the two together.
 */
export function fold(text: string): string {
  return text
    .toUpperCase() // ß becomes SS, which lower case alone would not take apart
    .toLowerCase()
    .replace(/ς/g, 'σ') // which lower case makes of a Σ at the end of a word
    .normalize('NFKD')
    .replace(/\p{Mn}/gu, '')
    .normalize('NFC')
    .replace(/[øłđðþæœı]/g, (letter) => undecomposed[letter] ?? letter)
}
