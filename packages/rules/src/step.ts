import type { Graph } from "@halon/resource-graph";
import { assert } from "@halon/runtime";
import { RuleContext } from "./context.ts";
import type { JournalEntry } from "./entry.ts";
import type { Instance, Live } from "./instance.ts";
import { isRequest, type Request } from "./operation.ts";
import { type Pending, pendingOf, recall } from "./pending.ts";
import { perform, type StepPorts } from "./perform.ts";
import { requestDigest } from "./request-digest.ts";
import type { Rule } from "./rule.ts";
import { errorText, type ParkCode, RuleFault } from "./rules-error.ts";
import { StepDraft } from "./step-draft.ts";

export type StepOutcome =
  | { readonly kind: "waiting"; readonly draft: StepDraft; readonly pending: Pending }
  | { readonly kind: "ended"; readonly draft: StepDraft }
  /** It threw: may be tried again. Its generator is spent. */
  | { readonly kind: "failed"; readonly error: string }
  /** Trying again would end the same. */
  | { readonly kind: "faulty"; readonly code: ParkCode; readonly error: string };

/**
 * Takes an instance to its next wait, or to its end. What is in its journal is replayed, with effects suppressed; what goes
 * beyond is done on a draft. Without a living generator the replay starts from the beginning.
 */
export function runStep(instance: Instance, graph: Graph, ports: StepPorts): StepOutcome {
  const draft = new StepDraft(instance, graph, ports.limits);
  const { rule } = instance;
  assert(rule !== undefined, `step of ${instance.id}, whose rule is not known`);
  try {
    instance.live ??= begin(rule, instance);
    return advance(instance, instance.live, draft, ports);
  } catch (error) {
    const { live } = instance;
    instance.live = undefined;
    if (error instanceof RuleFault) return { kind: "faulty", code: error.code, error: error.message };
    // What is journaled went well once. So it was different code, or there is chance in it.
    if (instance.journal.length > 0 && (live?.at ?? -1) < instance.journal.length - 1)
      return { kind: "faulty", code: "mismatch", error: `on replay it threw. ${errorText(error)}` };
    return { kind: "failed", error: errorText(error) };
  }
}

function begin(rule: Rule, { head: { trigger } }: Instance): Live {
  const ctx = new RuleContext(trigger.id);
  return { run: rule.begin(ctx, rule.on.decode(trigger.payload.slice())), ctx, request: undefined, at: -1 };
}

function advance(instance: Instance, live: Live, draft: StepDraft, ports: StepPorts): StepOutcome {
  const { journal } = instance;
  for (;;) {
    const given = live.request === undefined ? undefined : resultOf(live.request, entryAt(instance, draft, live.at));
    const next = live.run.next(given);
    live.at++;
    const known = journal[live.at];
    if (next.done === true) return endOf(instance, live, draft);
    if (!isRequest(next.value))
      throw new RuleFault("misuse", "it yielded something that is no operation: write `yield* ctx.…`, with the star");
    const request = next.value;
    live.request = request;
    live.ctx.made(request);
    if (known !== undefined) compare(request, known, live.at);
    else draft.addEntry(perform(request, live.at, instance, draft, ports));
    const entry = entryAt(instance, draft, live.at);
    if (entry.recorded === undefined)
      return {
        kind: "waiting",
        draft,
        pending: pendingOf(request as Request & Waiting, String(live.at), entry, instance.runId),
      };
  }
}

type Waiting = Parameters<typeof pendingOf>[0];

function entryAt({ journal }: Instance, { entries }: StepDraft, at: number): JournalEntry {
  const entry = journal[at] ?? entries[at - journal.length]?.entry;
  assert(entry !== undefined, `no entry ${at}: ${journal.length} are in the journal, ${entries.length} in the draft`);
  return entry;
}

function resultOf(request: Request, { recorded }: JournalEntry): unknown {
  assert(recorded !== undefined, `a wait (${request.kind}) was left before its end`);
  const result = recall(request, recorded);
  if (result === undefined)
    throw new RuleFault("mismatch", `a ${request.kind} cannot have ended with ${recorded.kind}, as the journal says`);
  return result.value;
}

function compare(request: Request, entry: JournalEntry, at: number): void {
  if (request.kind !== entry.kind)
    throw new RuleFault("mismatch", `operation ${at} was ${entry.kind}, and on replay it is ${request.kind}${REMEDY}`);
  const digest = requestDigest(request);
  if (digest !== entry.digest)
    throw new RuleFault(
      "mismatch",
      `operation ${at} (${entry.kind}) had other arguments: digest ${entry.digest}, and on replay ${digest}${REMEDY}`,
    );
}

const REMEDY = "; raise the rule's version when it changes, and keep clock, chance and outer variables out of it";

function endOf({ journal }: Instance, live: Live, draft: StepDraft): StepOutcome {
  if (live.at < journal.length)
    throw new RuleFault("mismatch", `on replay it ended before operation ${live.at} of ${journal.length}${REMEDY}`);
  const [forgotten] = live.ctx.forgotten();
  if (forgotten !== undefined)
    throw new RuleFault("misuse", `it made a ${forgotten} and never yielded it: write \`yield* ctx.${forgotten}(…)\``);
  return { kind: "ended", draft };
}
