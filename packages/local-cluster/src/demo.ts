import { LocalError } from "./local-error.ts";
import { openCluster } from "./opening.ts";
import type { StartOptions } from "./options.ts";
import { listenForStop } from "./stop-signals.ts";
import { durationsTable } from "./story/durations.ts";
import { isHeld, type StepOutcome } from "./story/step.ts";
import { tellStory } from "./story/story.ts";

/** The whole story with its start and end; a demo that takes longer has failed. */
const STORY_MS_MAX = 180_000;

/** Tells the story unattended. Returns the exit code: 0 only if all of it held. */
export async function demo(options: StartOptions): Promise<number> {
  const startMs = performance.now();
  const say = (line: string): void => {
    process.stdout.write(`${((performance.now() - startMs) / 1_000).toFixed(1).padStart(6)} s  ${line}\n`);
  };
  if ((process.env["HALON_NATS_URL"] ?? "") !== "")
    throw new LocalError("the demo stops and restarts its broker, and HALON_NATS_URL names somebody else's: unset it");
  const stop = listenForStop();
  const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(STORY_MS_MAX)]);
  const outcomes: StepOutcome[] = [];
  let failure: unknown;
  try {
    const { cluster, close } = await openCluster({ ...options, isPortChosen: true }, say, signal);
    stop.onHurry(() => void close(true));
    try {
      const view = await cluster.untilWell(signal);
      say(`ready: ${view.nodes.length} nodes, ${view.instances.length} instances`);
      for await (const outcome of tellStory({ cluster, say, signal })) outcomes.push(outcome);
    } finally {
      say("stopping everything");
      await close();
    }
  } catch (error) {
    failure = error;
  }
  process.stdout.write(`\n${durationsTable(outcomes).join("\n")}\n\n`);
  if (failure === undefined) return outcomes.every(isHeld) ? 0 : 1;
  const isCutShort = signal.aborted || failure instanceof LocalError;
  if (!isCutShort) throw failure;
  const late = `it took longer than ${STORY_MS_MAX / 1_000} s`;
  const why = stop.name() ?? (signal.aborted ? late : (failure as Error).message);
  process.stdout.write(`the story was not told to its end: ${why}\n`);
  return 1;
}
