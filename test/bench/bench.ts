/** What was measured. All of it can be written as JSON. */
export interface Report {
  readonly name: string;
  /** What was measured with: what must be the same for two reports to be compared. */
  readonly settings: Readonly<Record<string, string | number>>;
  readonly figures: Readonly<Record<string, number>>;
}

export interface BenchOptions {
  /** For each measurement; `undefined`: the benchmark's own choice. */
  readonly seconds: number | undefined;
  /** Of a benchmark that goes in rounds; `undefined`: its own choice. */
  readonly rounds: number | undefined;
  /** Writes a line for people. */
  readonly say: (line: string) => void;
}

/** One benchmark. Leaves nothing behind, also when it fails. */
export interface Bench {
  readonly about: string;
  run(options: BenchOptions): Promise<Report>;
}

/** The smallest value that at least `share` of the values do not exceed. `sorted` ascends and is not empty. */
export const quantile = (sorted: ArrayLike<number>, share: number): number =>
  sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] as number;

/** A table with a header, numbers to the right. */
export function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => row.map((text, column) => text.padStart(widths[column] ?? 0)).join("  "));
}
