/** What was measured. All of it can be written as JSON. */
export interface Report {
  readonly name: string;
  /** What was measured with: what must be the same for two reports to be compared. */
  readonly settings: Readonly<Record<string, string | number>>;
  readonly figures: Readonly<Record<string, number>>;
}

/** Options that only some benchmarks have; `undefined`: the benchmark's own choice. */
export interface BenchOptions {
  /** For each measurement. */
  readonly seconds: number | undefined;
  /** Of a benchmark that goes in rounds. */
  readonly rounds: number | undefined;
  /** Names of other systems that get the same load. */
  readonly peers: readonly string[];
  /** The one part to measure, of a benchmark that has parts; `undefined`: all of them. */
  readonly only: string | undefined;
  /** Only to see that it works: everything short, and less of it. */
  readonly isQuick: boolean;
  /** Size of the replicated state. */
  readonly stateMib: number | undefined;
  /** Nodes of the cluster that the graph is of. */
  readonly nodes: number | undefined;
  /** Where state that takes long to make is kept for the next run; `undefined`: nowhere. */
  readonly dir: string | undefined;
  /** Writes a line for people. */
  readonly say: (line: string) => void;
}

/** One benchmark. Leaves nothing behind, also when it fails. Throws when it could not measure. */
export interface Bench {
  readonly about: string;
  run(options: BenchOptions): Promise<Report>;
}

/** The smallest value that at least `share` of the values do not exceed. `sorted` ascends and is not empty. */
export const quantile = (sorted: ArrayLike<number>, share: number): number =>
  sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] as number;

/** Four digits that mean something: more is noise. */
export const round = (value: number): number => Number(value.toPrecision(4));

/** A table with a header, numbers to the right. */
export function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => row.map((text, column) => text.padStart(widths[column] ?? 0)).join("  "));
}

/** What is to be reached: a figure and its limit, from above or from below. */
export interface Bound {
  readonly figure: string;
  readonly atLeast?: number;
  readonly atMost?: number;
  /** Without which it must not be read. */
  readonly note?: string;
}

/** A line for each bound: held, missed, or not measured. */
export function judge(bounds: readonly Bound[], figures: Report["figures"]): readonly string[] {
  const rows = bounds.map(({ figure, atLeast, atMost, note = "" }) => {
    const value = figures[figure];
    const limit = atLeast === undefined ? `<= ${atMost}` : `>= ${atLeast}`;
    if (value === undefined) return ["not measured", figure, "-", limit, note];
    const isHeld = (atLeast === undefined || value >= atLeast) && (atMost === undefined || value <= atMost);
    return [isHeld ? "ok" : "MISSED", figure, String(round(value)), limit, note];
  });
  return table([["bound", "figure", "measured", "limit", ""], ...rows]);
}
