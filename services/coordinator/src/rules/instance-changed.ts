import { rule } from "@halon/rules";
import { removeInstance, unplace } from "../instances.ts";
import { awaits, Instance, type InstanceValue, runsOn, THE_CLUSTER } from "../schema.ts";
import { InstanceChangedEvent } from "./event-types.ts";
import { workOff } from "./orders.ts";

/** What an agent says of an instance. One that its node has given up on is moved; news of an older decision is old. */
export const instanceChanged = rule("instance-changed", {
  version: 1,
  on: InstanceChangedEvent,
  key: (event) => event.state.instance,
  *run(ctx, { node, state: news }) {
    const outcome = yield* ctx.update((draft) => {
      const id = Instance.id(news.instance);
      const value = draft.get(Instance, id);
      if (value === undefined || value.generation !== news.generation || draft.outOne(runsOn, id) !== node)
        return "old";
      const { state, port, pid, restarts, reason } = news;
      if (value.desired === "stopped") {
        if (state === "stopped" || state === "failed") removeInstance(draft, id);
      } else if (state === "failed") {
        unplace(draft, id, { restarts, reason, avoid: node } satisfies Partial<InstanceValue>);
        return "moved";
      } else draft.update(Instance, id, { state, port, pid, restarts, reason });
      return draft.outCount(awaits, THE_CLUSTER) > 0 ? "others wait" : "noted";
    });
    if (outcome === "old" || outcome === "noted") return undefined;
    yield* workOff(ctx);
    if (outcome !== "moved") return undefined;
    const { instance, reason, restarts } = news;
    const to = yield* ctx.read((graph) => graph.outOne(runsOn, Instance.id(instance)) ?? "");
    return ctx.decide("instance moved", { instance, from: node, to, reason, restarts });
  },
});
