import { type RuleContext, type RuleRun, rule } from "@halon/rules";
import { Budget } from "../budget.ts";
import { type Order, stopOrder } from "../instances.ts";
import { Cluster, hasNode, Instance, Node, type NodeValue, runsOn, THE_CLUSTER } from "../schema.ts";
import { beginSession } from "../sessions.ts";
import { NodeUpEvent, SessionBegunEvent } from "./event-types.ts";
import { breathe, give, welcome, workOff } from "./orders.ts";

const NEW_NODE: NodeValue = {
  kind: "user",
  roles: [],
  state: "up",
  agentIncarnation: "",
  sessionLast: 0,
  sessions: [],
  accusations: [],
};

/**
 * An agent asks what to do: the node gets a session, and is told all that shall run there. Sessions that it had stay
 * listed: only the agent itself can say, by `session-begun`, that it is in them no more.
 */
export const nodeUp = rule("node-up", {
  version: 1,
  on: NodeUpEvent,
  key: (event) => event.node,
  *run(ctx, { node, agentIncarnation, kind, roles }) {
    const order = yield* ctx.update((draft) => {
      const id = Node.id(node);
      if (!draft.has(Cluster, THE_CLUSTER)) draft.insert(Cluster, THE_CLUSTER, { generationLast: 0 });
      const present = draft.get(Node, id) ?? NEW_NODE;
      draft.put(Node, id, { ...present, kind, roles: [...roles], state: "up", agentIncarnation });
      draft.connect(hasNode, THE_CLUSTER, id);
      return welcome(draft, id);
    });
    yield* give(ctx, [order]);
    const others = yield* workOff(ctx);
    return ctx.decide("node welcomed", { node, orders: others + 1 });
  },
});

/** The agent is in its new session: the node can be given instances, and the sessions before it are over. */
export const sessionBegun = rule("session-begun", {
  version: 1,
  on: SessionBegunEvent,
  key: (event) => event.node,
  *run(ctx, { node, session, agentIncarnation }) {
    const isItsOwn = yield* ctx.update((draft) => beginSession(draft, Node.id(node), session, agentIncarnation));
    if (!isItsOwn) return undefined;
    yield* stopAgain(ctx, node);
    const orders = yield* workOff(ctx);
    return ctx.decide("session begun", { node, session, orders });
  },
});

/** What was to be stopped in an earlier session is stopped by now, but its agent may not have said so: it is told again. */
function* stopAgain(ctx: RuleContext, node: string): RuleRun {
  let after = "";
  for (;;) {
    const from = after;
    const { orders, isMore } = yield* ctx.read((graph): { orders: readonly Order[]; isMore: boolean } => {
      const budget = new Budget();
      const found: Order[] = [];
      for (const id of graph.in(runsOn, Node.id(node))) {
        if (id <= from || graph.get(Instance, id)?.desired !== "stopped") continue;
        if (budget.isSpent) break;
        budget.spend(0);
        found.push(stopOrder(graph, id));
      }
      return { orders: found, isMore: budget.isSpent };
    });
    yield* give(ctx, orders);
    if (!isMore) return;
    after = orders.at(-1)?.instance ?? "";
    yield* breathe(ctx);
  }
}
