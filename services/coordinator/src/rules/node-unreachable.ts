import type { GraphDraft, Id } from "@halon/resource-graph";
import { type RuleContext, type RuleRun, rule } from "@halon/rules";
import { Budget } from "../budget.ts";
import { unplace } from "../instances.ts";
import { hasInstance, Node, type NodeValue, runsOn, Service } from "../schema.ts";
import { accuse, deadFromMs, hasExclusive, isAccused } from "../sessions.ts";
import { NodeUnreachableEvent } from "./event-types.ts";
import { breathe, give, welcome, workOff } from "./orders.ts";

/** Longest that an exclusive instance runs on without acknowledgements; variable `exclusiveBoundMs`. */
export const EXCLUSIVE_BOUND_MS = 3_000;
/** A node that is accused by too few gets a new session after this; variable `healMs`. */
export const HEAL_MS = 2_000;
/** Operations for placing while a node is being evacuated, per step, and after it: together what one run may journal. */
const MEANWHILE_OPERATIONS_MAX = 60;
const LAST_OPERATIONS_MAX = 300;

interface Loss {
  readonly instances: number;
  readonly exclusive: number;
  /** Log time from which the exclusive instances may be started elsewhere. */
  readonly deadFromMs: number;
}

/**
 * Monitors accuse a node. When so many have that no right to run anything exclusive can be renewed any more, the node is
 * down: what ran there runs elsewhere, exclusive instances when their last right has run out. Below that number the
 * accusers acknowledge nothing any more, so that the node, if it lives, needs a new session.
 */
export const nodeUnreachable = rule("node-unreachable", {
  version: 1,
  on: NodeUnreachableEvent,
  waits: [NodeUnreachableEvent],
  key: (event) => event.node,
  *run(ctx, first) {
    const boundMs = yield* ctx.variable("exclusiveBoundMs", EXCLUSIVE_BOUND_MS);
    let accused = first;
    for (;;) {
      const nowMs = yield* ctx.now();
      const { node, session, accusations } = accused;
      const loss = yield* ctx.update((draft): Loss | "watched" | "unknown" => {
        const id = Node.id(node);
        accuse(draft, id, session, accusations, nowMs);
        const value = draft.get(Node, id);
        if (value === undefined || value.state === "down" || value.accusations.length === 0) return "unknown";
        if (isAccused(value, hasExclusive(draft, id))) return lose(draft, id, value, boundMs);
        // With a newer session on offer there is nothing to heal.
        return value.sessions.at(-1)?.session === session ? "watched" : "unknown";
      });
      if (loss === "unknown") return undefined;
      if (loss !== "watched") return yield* moveAll(ctx, node, loss);
      const seen = yield* ctx.race({
        more: ctx.on(NodeUnreachableEvent, (event) => event.node === first.node),
        heal: ctx.after(yield* ctx.variable("healMs", HEAL_MS)),
      });
      if (seen.more !== undefined) accused = seen.more;
      else return yield* heal(ctx, node);
    }
  },
});

function* moveAll(ctx: RuleContext, node: string, { instances, exclusive, deadFromMs }: Loss): RuleRun {
  yield* ctx.decide("node is down", { node, instances, exclusive, exclusiveFromMs: deadFromMs });
  // A node that comes back meanwhile keeps what has not left it yet.
  while (yield* ctx.update((draft) => evacuate(draft, Node.id(node), deadFromMs))) {
    yield* workOff(ctx, MEANWHILE_OPERATIONS_MAX);
    yield* breathe(ctx);
  }
  yield* workOff(ctx, LAST_OPERATIONS_MAX);
  if (exclusive === 0) return;
  const nowMs = yield* ctx.now();
  yield* ctx.after(Math.max(1, deadFromMs - nowMs));
  const orders = yield* workOff(ctx, LAST_OPERATIONS_MAX);
  yield* ctx.decide("exclusive instances of the lost node may run elsewhere", { node, exclusive, orders });
}

function* heal(ctx: RuleContext, node: string): RuleRun {
  const orders = yield* ctx.update((draft) => {
    const value = draft.get(Node, Node.id(node));
    return value?.state === "up" && value.accusations.length > 0 ? [welcome(draft, Node.id(node))] : [];
  });
  yield* give(ctx, orders);
  yield* ctx.decide("accused by too few of its monitors: a new session", { node });
}

const isExclusive = (draft: GraphDraft, instance: Id<"Instance">): boolean => {
  const service = draft.inOne(hasInstance, instance);
  return service !== undefined && draft.get(Service, service)?.exclusive === true;
};

function lose(draft: GraphDraft, id: Id<"Node">, value: NodeValue, boundMs: number): Loss {
  const instances = draft.in(runsOn, id);
  const exclusive = instances.filter((instance) => isExclusive(draft, instance)).length;
  const untilMs = deadFromMs(value, boundMs);
  draft.update(Node, id, { state: "down", sessions: [], accusations: [] });
  return { instances: instances.length, exclusive, deadFromMs: untilMs };
}

/** Some of what is on the node that is down leaves it. True when there may be more. */
function evacuate(draft: GraphDraft, id: Id<"Node">, untilMs: number): boolean {
  if (draft.get(Node, id)?.state !== "down") return false;
  const budget = new Budget();
  for (const instance of draft.in(runsOn, id)) {
    if (budget.isSpent) return true;
    budget.spend(0);
    const notBeforeMs = isExclusive(draft, instance) ? untilMs : 0;
    unplace(draft, instance, { reason: `node ${id} is down`, notBeforeMs });
  }
  return false;
}
