import type { LocalCluster } from "../local-cluster.ts";

/** The five things that are broken, in the order in which the story tells them. */
export const STEPS = ["service", "node", "coordinator", "leader", "broker"] as const;
export type StepName = (typeof STEPS)[number];

/** Longest that a recovery may take. */
export const RECOVERY_MS_MAX = 5_000;
/** After this a step gives up waiting: the recovery is not merely late. */
export const STEP_MS_MAX = 20_000;

/** How one step went. */
export interface StepOutcome {
  readonly name: StepName;
  /** What was broken: `kill -9 of web/0 on user-1`. */
  readonly deed: string;
  /** Between which two moments the span lies. */
  readonly measured: string;
  readonly spanMs: number;
  /** What did not hold, one sentence each; the span's limit is not among them. */
  readonly broken: readonly string[];
}

export interface StepContext {
  readonly cluster: LocalCluster;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Breaks one thing in a complete cluster, waits for it to heal, and leaves a complete cluster behind. */
export type Step = (context: StepContext) => Promise<StepOutcome>;

export const isHeld = ({ spanMs, broken }: StepOutcome): boolean => spanMs < RECOVERY_MS_MAX && broken.length === 0;
