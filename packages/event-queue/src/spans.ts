/** Numbers from `from` on, and below `to`. */
export type Span = readonly [from: number, to: number];

/**
 * A set of whole numbers as spans: ascending, none empty, none touching the next. Plain data, so that it can be stored;
 * functions give new ones.
 */
export type Spans = readonly Span[];

/** With all of `from` to `to` (exclusive). */
export function withSpan(spans: Spans, from: number, to: number): Spans {
  const before = spans.filter(([, end]) => end < from);
  const after = spans.filter(([start]) => start > to);
  const touched = spans.slice(before.length, spans.length - after.length);
  const [first] = touched;
  const last = touched.at(-1);
  return [...before, [Math.min(from, first?.[0] ?? from), Math.max(to, last?.[1] ?? to)], ...after];
}

/** Without all below `low`. */
export const withoutBelow = (spans: Spans, low: number): Spans =>
  spans.length === 0 || (spans[0] as Span)[0] >= low
    ? spans
    : spans.filter(([, to]) => to > low).map(([from, to]): Span => [Math.max(from, low), to]);

/** First number from `at` on that is not in it. */
export const endFrom = (spans: Spans, at: number): number =>
  spans.find(([from, to]) => from <= at && at < to)?.[1] ?? at;

/** First number from `at` on that is in it; infinite when there is none. */
export function startFrom(spans: Spans, at: number): number {
  const next = spans.find(([, to]) => to > at);
  return next === undefined ? Number.POSITIVE_INFINITY : Math.max(at, next[0]);
}

/** How many numbers are in it. */
export const sizeOf = (spans: Spans): number => spans.reduce((sum, [from, to]) => sum + to - from, 0);
