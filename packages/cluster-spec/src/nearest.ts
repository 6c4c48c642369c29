/** Edits beyond which two words have nothing to do with each other. */
const EDITS_MAX = 2;

function editCount(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(
        (next[j - 1] ?? 0) + 1,
        (row[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
    row = next;
  }
  return row[b.length] ?? 0;
}

/** Longer words are nobody's typing error. */
const WORD_CHARS_MAX = 64;

/** The known word that was probably meant, if any: the first of several equally near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > WORD_CHARS_MAX) return undefined;
  const counted = known.map((each) => ({ each, edits: editCount(word.toLowerCase(), each.toLowerCase()) }));
  const [best] = counted.filter(({ edits }) => edits <= EDITS_MAX).sort((a, b) => a.edits - b.edits);
  return best?.each;
}
