/** Edits beyond which two words have nothing to do with each other; longer words may differ in a third. */
const EDITS_MAX = 2;

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next[j] = Math.min((next[j - 1] ?? 0) + 1, (row[j] ?? 0) + 1, changed);
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The known word that was probably meant; the first of several equally near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestEdits = Math.max(EDITS_MAX, Math.floor(word.length / 3)) + 1;
  for (const each of known) {
    const edits = editDistance(word.toLowerCase(), each.toLowerCase());
    if (edits >= bestEdits) continue;
    [best, bestEdits] = [each, edits];
  }
  return best;
}
