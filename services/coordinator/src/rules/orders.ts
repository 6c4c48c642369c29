import { encodeNodeCommand } from "@halon/proto";
import type { GraphDraft, Id } from "@halon/resource-graph";
import type { RuleContext, RuleRun } from "@halon/rules";
import { Budget } from "../budget.ts";
import { type Order, placeWaiting } from "../instances.ts";
import { Node, type NodeValue } from "../schema.ts";
import { badlyWatched, giveSession, welcomeOf } from "../sessions.ts";

/**
 * Operations after which a run leaves the rest to the next one: its journal must fit into a checkpoint when it is
 * removed. What is left is found in the graph, by the next event about a node or an instance.
 */
export const RUN_OPERATIONS_MAX = 1_000;

/** Puts each order into the outbox. Id, epoch and a welcome's instances are filled in at sending. */
export function* give(ctx: RuleContext, orders: readonly Order[]): RuleRun {
  for (const { node, instance, session, action } of orders) {
    const payload = encodeNodeCommand({ id: "", node, epoch: 0, session, action });
    yield* ctx.send(node, payload, { instance });
  }
}

/** A new session for the node, and the order that tells its agent of it. `isAnew`: see {@link giveSession}. */
export function welcome(draft: GraphDraft, id: Id<"Node">, isAnew = false): Order {
  const session = giveSession(draft, id, draft.get(Node, id) as NodeValue, isAnew);
  const value = { ...welcomeOf(draft.get(Node, id) as NodeValue, session), instances: [] };
  return { node: id, instance: `@${id}`, session: 0, action: { kind: "welcome", value } };
}

/** Ends the step: what it brought about goes into a checkpoint, and what follows into the next one. */
export function* breathe(ctx: RuleContext): RuleRun {
  yield* ctx.after(1);
}

/**
 * Does all that the graph says is to be done: places what waits for a place, then gives new sessions to nodes whose
 * monitors are not the ones they should have. In steps that fit into a checkpoint each. Gives the number of orders.
 */
export function* workOff(ctx: RuleContext, operationsMax = RUN_OPERATIONS_MAX): RuleRun<number> {
  let given = 0;
  for (let operations = 0; operations < operationsMax; operations += 3) {
    const nowMs = yield* ctx.now();
    const { orders, isMore } = yield* ctx.update((draft) => nextOrders(draft, nowMs));
    yield* give(ctx, orders);
    given += orders.length;
    operations += orders.length;
    if (!isMore) return given;
    yield* breathe(ctx);
  }
  return given;
}

/** Places first: a node with a new session takes nothing before it has begun it. */
function nextOrders(draft: GraphDraft, nowMs: number): { readonly orders: readonly Order[]; readonly isMore: boolean } {
  const budget = new Budget();
  const orders = [...placeWaiting(draft, nowMs, budget)];
  if (!budget.isSpent)
    for (const id of badlyWatched(draft)) {
      if (budget.isSpent) break;
      budget.spend(0);
      orders.push(welcome(draft, id));
    }
  return { orders, isMore: budget.isSpent };
}
