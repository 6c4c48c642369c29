import { formatLine, type TraceLine } from "./trace.ts";

/** Something that must hold. */
export interface Invariant {
  readonly name: string;
  /** Where it comes from: paper and section, or promise of the design. */
  readonly citation: string;
  /** `step`: after each step of the world, so it must be cheap. `end`: once, when the run is over. */
  readonly when?: "step" | "end";
  /** How much was looked at so far: decrees compared, leases seen; for the report. */
  readonly checks?: number;
  /** What is wrong; undefined when nothing is. */
  check(): string | undefined;
}

/** How a run failed: all that is needed to repeat and to understand it, the command that repeats it last. */
export class SimulationFailure extends Error {
  override readonly name = "SimulationFailure";
  readonly seed: number;
  readonly atMs: number;
  /** Name of the invariant, `liveness`, or `crash` when the program threw. */
  readonly broken: string;

  constructor(
    where: {
      readonly seed: number;
      readonly atMs: number;
      readonly lines: readonly TraceLine[];
      readonly replay: string;
    },
    broken: string,
    what: string,
    options?: ErrorOptions,
  ) {
    const { seed, atMs, lines, replay } = where;
    super(
      [
        `${broken}: ${what}`,
        `seed ${seed}, after ${atMs.toFixed(3)} virtual ms; the last ${lines.length} lines:`,
        ...lines.map(formatLine),
        `${broken}: ${what}`,
        `to repeat it: ${replay}`,
      ].join("\n"),
      options,
    );
    this.seed = seed;
    this.atMs = atMs;
    this.broken = broken;
  }
}
