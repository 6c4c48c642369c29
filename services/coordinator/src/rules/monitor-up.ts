import type { GraphDraft } from "@halon/resource-graph";
import { rule } from "@halon/rules";
import { Budget } from "../budget.ts";
import type { Order } from "../instances.ts";
import { Node, type NodeValue } from "../schema.ts";
import { SESSIONS_MAX } from "../sessions.ts";
import { MonitorUpEvent } from "./event-types.ts";
import { breathe, give, RUN_OPERATIONS_MAX, welcome } from "./orders.ts";

/** Operations of one part of the run, beside its orders. */
const PART_OPERATIONS = 2;

/**
 * A monitor has started. As it may have forgotten whom it accused, it acknowledges no session that was given before; the
 * nodes that count on it get new ones. Where a run cannot reach them all, the rest live on their other monitors: a node
 * that these do not suffice for loses its session, and asks for another.
 */
export const monitorUp = rule("monitor-up", {
  version: 1,
  on: MonitorUpEvent,
  key: (event) => event.monitor,
  *run(ctx, { monitor }) {
    let after = "";
    let given = 0;
    for (let operations = 0; ; operations += PART_OPERATIONS) {
      const from = after;
      const { orders, isMore } = yield* ctx.update((draft) => renewSome(draft, monitor, from));
      yield* give(ctx, orders);
      given += orders.length;
      operations += orders.length;
      after = orders.at(-1)?.node ?? "";
      const isLast = !isMore || operations >= RUN_OPERATIONS_MAX;
      if (isLast) return yield* ctx.decide("monitor has started: new sessions", { monitor, given, isAll: !isMore });
      yield* breathe(ctx);
    }
  },
});

const countsOn = ({ state, sessions }: NodeValue, monitor: string): boolean =>
  state === "up" && sessions.length < SESSIONS_MAX && sessions.at(-1)?.monitors.includes(monitor) === true;

/** New sessions for nodes behind `from`, as many as one step takes. */
function renewSome(
  draft: GraphDraft,
  monitor: string,
  from: string,
): { readonly orders: readonly Order[]; readonly isMore: boolean } {
  const budget = new Budget();
  const orders: Order[] = [];
  const ids = [...draft.all(Node)].flatMap(([id, value]) => (id > from && countsOn(value, monitor) ? [id] : []));
  for (const id of ids.sort()) {
    if (budget.isSpent) return { orders, isMore: true };
    budget.spend(0);
    orders.push(welcome(draft, id, true));
  }
  return { orders, isMore: false };
}
