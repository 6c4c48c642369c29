import { columns } from "../columns.ts";
import { isHeld, RECOVERY_MS_MAX, type StepOutcome } from "./step.ts";

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`;

/** The story's last page: what was broken, how long it took, whether it held. */
export function durationsTable(outcomes: readonly StepOutcome[]): readonly string[] {
  const rows = outcomes.map((outcome) => {
    const { deed, measured, spanMs } = outcome;
    return [deed, measured, seconds(spanMs).padStart(7), isHeld(outcome) ? "held" : "FAILED"];
  });
  const lines = columns([["WHAT WAS BROKEN", "MEASURED", "   TOOK", `UNDER ${RECOVERY_MS_MAX / 1_000} s`], ...rows]);
  const broken = outcomes.flatMap((outcome) => outcome.broken.map((fault) => `${outcome.name}: ${fault}`));
  return broken.length === 0 ? lines : [...lines, "", ...broken];
}
