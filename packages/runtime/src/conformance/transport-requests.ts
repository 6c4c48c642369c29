import { REQUESTS_MAX, type RequestOutcome, type Transport } from "../transport.ts";
import {
  ask,
  bytes,
  type Check,
  drained,
  kinds,
  LONG_MS,
  listen,
  SHORT_MS,
  type TransportHarness,
  text,
} from "./transport-harness.ts";

/** A responder that the bus already knows. */
async function answer(bus: TransportHarness, transport: Transport, subject: string, reply: string): Promise<void> {
  transport.subscribe(subject, {}, ({ respond }) => respond?.(bytes(reply)));
  await drained(bus, transport);
}

/** One question, at most one outcome. */
export function requests(check: Check): void {
  check("a reply comes back, an empty one too", async (bus, expect) => {
    const [a, b] = [await bus.open("a"), await bus.open("b")];
    await answer(bus, b, "ask.full", "answer");
    await answer(bus, b, "ask.empty", "");
    const outcomes = [ask(a, "ask.full"), ask(a, "ask.empty"), ask(b, "ask.full")];
    await bus.until(() => outcomes.every((each) => each.length > 0));
    expect(outcomes).toEqual([
      [{ kind: "reply", payload: bytes("answer") }],
      [{ kind: "reply", payload: bytes("") }],
      [{ kind: "reply", payload: bytes("answer") }],
    ]);
  });

  check("many at once: each gets its own reply", async (bus, expect) => {
    const [a, b] = [await bus.open("a"), await bus.open("b")];
    b.subscribe("double", { queue: "doublers" }, ({ payload, respond }) =>
      respond?.(bytes(text(payload) + text(payload))),
    );
    await drained(bus, b);
    const replies = new Map<number, string>();
    for (let n = 0; n < 500; n++)
      a.request("double", bytes(`${n}`), LONG_MS, (outcome) => {
        replies.set(n, outcome.kind === "reply" ? text(outcome.payload) : outcome.kind);
      });
    await bus.until(() => replies.size === 500);
    expect([...replies].every(([n, reply]) => reply === `${n}${n}`)).toBe(true);
  });

  check("only the first reply counts", async (bus, expect) => {
    const [a, b] = [await bus.open("a"), await bus.open("b")];
    await answer(bus, a, "twice", "one");
    await answer(bus, b, "twice", "two");
    b.subscribe("twice", {}, ({ respond }) => {
      respond?.(bytes("three"));
      respond?.(bytes("four"));
    });
    await drained(bus, b);
    const outcomes = ask(a, "twice");
    await drained(bus, a, b);
    await drained(bus, b, a);
    expect(kinds(outcomes)).toEqual(["reply"]);
  });

  check("without subscriber it ends at once as noResponders", async (bus, expect) => {
    const a = await bus.open("a");
    const never = ask(a, "nobody.home");
    expect(never).toEqual([]);
    await bus.until(() => never.length > 0);
    const subscription = a.subscribe("somebody.home", {}, () => {});
    subscription.unsubscribe();
    const noMore = ask(a, "somebody.home");
    await bus.until(() => noMore.length > 0);
    expect([never, noMore]).toEqual([[{ kind: "noResponders" }], [{ kind: "noResponders" }]]);
  });

  check("without reply it ends as timeout, once, and a late reply is ignored", async (bus, expect) => {
    const [a, b] = [await bus.open("a"), await bus.open("b")];
    const asked = await listen(bus, b, "slow");
    const outcomes = ask(a, "slow", SHORT_MS);
    await bus.until(() => asked.length === 1 && outcomes.length > 0);
    asked[0]?.respond?.(bytes("late"));
    await drained(bus, b, a);
    expect(outcomes).toEqual([{ kind: "timeout" }]);
  });

  check("cancelled it never ends, whatever comes", async (bus, expect) => {
    const [a, b] = [await bus.open("a"), await bus.open("b")];
    const asked = await listen(bus, b, "cancelled");
    let calls = 0;
    const cancelReplied = a.request("cancelled", bytes(""), LONG_MS, () => calls++);
    const cancelTimed = a.request("cancelled", bytes(""), SHORT_MS, () => calls++);
    const cancelNobody = a.request("nobody.home", bytes(""), LONG_MS, () => calls++);
    for (const cancel of [cancelReplied, cancelTimed, cancelNobody, cancelTimed]) cancel();
    const later = ask(a, "cancelled", SHORT_MS * 2);
    await bus.until(() => asked.length === 3);
    for (const { respond } of asked.slice(0, 2)) respond?.(bytes(""));
    await drained(bus, b, a);
    await bus.until(() => later.length === 1);
    expect([calls, kinds(later)]).toEqual([0, ["timeout"]]);
  });

  check("cancelled from within the outcome of another, it never ends either", async (bus, expect) => {
    const a = await bus.open("a");
    const outcomes: RequestOutcome[] = [];
    const cancels: (() => void)[] = [];
    const first = (outcome: RequestOutcome): void => {
      outcomes.push(outcome);
      for (const cancel of cancels) cancel();
    };
    for (let n = 0; n < 10; n++) cancels.push(a.request("nobody.home", bytes(""), LONG_MS, first));
    await bus.until(() => outcomes.length > 0);
    await drained(bus, a);
    expect(kinds(outcomes)).toEqual(["noResponders"]);
  });

  check("the number that may wait is limited; a further one ends as unsent", async (bus, expect) => {
    const a = await bus.open("a");
    await listen(bus, a, "void");
    const cancels = Array.from({ length: REQUESTS_MAX }, () => a.request("void", bytes(""), LONG_MS, () => {}));
    const refused = ask(a, "void");
    expect(refused).toEqual([]);
    await bus.until(() => refused.length > 0);
    expect(kinds(refused)).toEqual(["unsent"]);
    for (const cancel of cancels) cancel();
    const accepted = ask(a, "void", SHORT_MS);
    await bus.until(() => accepted.length > 0);
    expect(kinds(accepted)).toEqual(["timeout"]);
  });
}
