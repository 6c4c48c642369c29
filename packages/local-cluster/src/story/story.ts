import { brokerStep } from "./broker-step.ts";
import { coordinatorStep } from "./coordinator-step.ts";
import { leaderStep } from "./leader-step.ts";
import { nodeStep } from "./node-step.ts";
import { serviceStep } from "./service-step.ts";
import { isHeld, STEPS, type Step, type StepContext, type StepName, type StepOutcome } from "./step.ts";

const STORY: Readonly<Record<StepName, Step>> = {
  service: serviceStep,
  node: nodeStep,
  coordinator: coordinatorStep,
  leader: leaderStep,
  broker: brokerStep,
};

/** Breaks the five things one after the other in a running cluster, gives each outcome. Rejects when one does not heal at all. */
export async function* tellStory(
  context: StepContext,
  steps: readonly StepName[] = STEPS,
): AsyncGenerator<StepOutcome, void, undefined> {
  for (const name of steps) {
    const outcome = await STORY[name](context);
    context.say(
      `${isHeld(outcome) ? "held" : "FAILED"}: ${outcome.deed}: ${(outcome.spanMs / 1_000).toFixed(2)} s ${outcome.measured}`,
    );
    for (const fault of outcome.broken) context.say(`  ${fault}`);
    yield outcome;
  }
}
