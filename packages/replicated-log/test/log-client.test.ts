import {
  type CallKind,
  COMMAND_BYTES_MAX,
  COMMANDS_MAX,
  type Command,
  LogClient,
  type LogClientInput,
  type LogClientOutput,
  type Outcome,
  REQUESTS_MAX,
  WINDOW,
} from "@halon/replicated-log";
import { describe, expect, it } from "vitest";
import { say } from "./commands.ts";
import { bytes, text } from "./map-store.ts";

type Request = LogClientOutput & { readonly kind: "request" };

/** Steps a client by hand and keeps what it wants done. */
class Bench {
  readonly client: LogClient;
  nowMs = 0;
  requests: Request[] = [];
  readonly done = new Map<number, string>();
  timerAtMs: number | undefined;
  timer = "";
  /** Calls of one turn gather until {@link endTurn}. */
  gathers = false;
  /** Timers for that which are set. */
  gathering = 0;

  constructor(members: readonly string[] = ["a", "b", "c"], callsMax?: number) {
    this.client = new LogClient({ members, ...(callsMax !== undefined && { callsMax }) });
  }

  input(input: LogClientInput): void {
    for (const output of this.client.step(input, this.nowMs)) {
      if (output.kind === "request") this.requests.push(output);
      else if (output.kind === "timer" && output.name === "gather") this.#gather(output.atMs);
      else if (output.kind === "timer") {
        this.timerAtMs = output.atMs;
        this.timer = output.name;
      } else {
        expect(this.done.has(output.token), `call ${output.token} is done twice`).toBe(false);
        this.done.set(output.token, output.outcome.kind === "full" ? "full" : say(output.outcome));
      }
    }
  }

  /** Most tests make one call a turn. */
  #gather(atMs: number | undefined): void {
    expect(atMs).toBe(this.nowMs);
    if (this.gathers) this.gathering++;
    else this.endTurn();
  }

  endTurn(): void {
    this.gathering = 0;
    this.input({ kind: "timer", name: "gather", random: 0.5 });
  }

  call(token: number, kind: CallKind = "update", payload = `p${token}`): void {
    this.input({ kind: "call", token, command: kind, payload: bytes(payload) });
  }

  /** The oldest request without an answer. */
  take(): Request {
    const request = this.requests.shift();
    if (request === undefined) throw new Error("no request is waiting");
    return request;
  }

  answer(request: Request, outcomes: readonly Outcome[] | undefined): void {
    this.input({ kind: "answer", request: request.request, outcomes });
  }

  /** Answers every command of a request alike. */
  all(request: Request, outcome: Outcome): void {
    this.answer(
      request,
      request.commands.map(() => outcome),
    );
  }

  backoff(): number {
    const atMs = this.timerAtMs;
    if (atMs === undefined) throw new Error("no timer is set");
    const spanMs = atMs - this.nowMs;
    this.timerAtMs = undefined;
    this.nowMs = atMs;
    this.input({ kind: "timer", name: this.timer, random: 0.5 });
    return spanMs;
  }

  /** Opens the session with this id, for an update that waits. */
  register(session = 7): void {
    const request = this.take();
    expect(request.commands[0]?.kind).toBe("register");
    this.answer(request, [result(String(session)), ...request.commands.slice(1).map(() => result(""))]);
  }
}

const result = (value: string): Outcome => ({ kind: "result", result: bytes(value) });
const unknown: Outcome = { kind: "unknown" };
const forgotten: Outcome = { kind: "refused", code: "session-unknown", message: "" };
const notLeader = (leader?: string): Outcome => ({ kind: "notLeader", leader });
const shown = (commands: readonly Command[]): string[] =>
  commands.map(({ kind, session, seq, lowest, payload }) => `${kind} ${session}/${seq} ${lowest} ${text(payload)}`);

describe("LogClient", () => {
  it("sends a call at once when nothing is under way, else with all of its turn, divided among the requests there may be", () => {
    const bench = new Bench();
    bench.gathers = true;
    bench.call(1, "idempotent");
    const first = bench.take();
    expect(first.commands).toHaveLength(1);
    for (let token = 2; token <= 1_001; token++) bench.call(token, "idempotent");
    expect(bench.requests).toHaveLength(0);
    expect(bench.gathering).toBe(1);
    bench.endTurn();
    const sizes = (): number[] => bench.requests.map(({ commands }) => commands.length);
    expect(sizes()).toEqual([251, 251, 251]);
    // What waits goes with the next answer, without waiting for the end of a turn.
    bench.all(first, { kind: "result", result: bytes("") });
    expect(sizes()).toEqual([251, 251, 251, 247]);
    for (let done = 0; done < 1_000; ) {
      const request = bench.take();
      done += request.commands.length;
      bench.all(request, { kind: "result", result: bytes("") });
    }
    expect(bench.client.waiting).toBe(0);
    for (const token of [2_001, 2_002]) bench.call(token, "stale");
    expect(sizes()).toEqual([1]);
    bench.endTurn();
    expect(sizes()).toEqual([1, 1]);
  });

  it("opens a session for its first update, and numbers updates in it", () => {
    const bench = new Bench();
    bench.call(1);
    bench.call(2, "read");
    bench.register();
    bench.answer(bench.take(), [result("r")]);
    const request = bench.take();
    expect(shown(request.commands)).toEqual(["update 7/1 1 p1"]);
    bench.answer(request, [result("u")]);
    expect([...bench.done]).toEqual([
      [2, "result r"],
      [1, "result u"],
    ]);
    expect(bench.client.waiting).toBe(0);
  });

  it("lets calls that wait together travel together, and no more than so many requests", () => {
    const bench = new Bench();
    for (let token = 1; token <= 50; token++) bench.call(token, "read");
    expect(bench.requests.length).toBe(REQUESTS_MAX);
    bench.all(bench.take(), result("x"));
    expect(bench.requests.at(-1)?.commands.length).toBe(50 - REQUESTS_MAX);
  });

  it("L2 retries without an answer, elsewhere, with the same number", () => {
    const bench = new Bench();
    bench.call(1);
    bench.register();
    const first = bench.take();
    bench.answer(first, undefined);
    bench.backoff();
    const second = bench.take();
    expect(second.commands).toEqual(first.commands);
    expect([first.to, second.to]).toEqual(["a", "b"]);
    bench.answer(second, [unknown]);
    bench.backoff();
    bench.answer(bench.take(), [result("once")]);
    expect([...bench.done]).toEqual([[1, "result once"]]);
  });

  it("says what was answered: `lowest` rises with the oldest call that waits", () => {
    const bench = new Bench();
    bench.call(1);
    bench.register();
    const first = bench.take();
    bench.call(2);
    bench.answer(bench.take(), [result("2")]);
    bench.call(3);
    expect(shown(bench.take().commands)).toEqual(["update 7/3 1 p3"]);
    bench.answer(first, [result("1")]);
    bench.call(4);
    expect(shown(bench.take().commands)).toEqual(["update 7/4 3 p4"]);
  });

  it("sends nothing beyond the window above its oldest unanswered update", () => {
    const bench = new Bench();
    bench.call(0);
    bench.register();
    const stuck = bench.take();
    for (let token = 1; token <= WINDOW + 5; token++) bench.call(token);
    let highest = 1;
    while (bench.requests.length > 0) {
      const request = bench.take();
      highest = Math.max(highest, ...request.commands.map(({ seq }) => seq));
      bench.all(request, result(""));
    }
    expect(highest).toBe(WINDOW);
    bench.call(9_999, "read");
    expect(shown(bench.take().commands), "reads need no window").toEqual(["read 0/0 0 p9999"]);
    bench.all(stuck, result(""));
    expect(bench.take().commands.map(({ seq }) => seq)).toEqual([1025, 1026, 1027, 1028, 1029, 1030]);
  });

  it("never puts more commands into a request than one may have, with the opening of a session too", () => {
    const bench = new Bench(["a"]);
    for (let at = 0; at < REQUESTS_MAX; at++) bench.call(-at, "read");
    for (let token = 10; token < 10 + COMMANDS_MAX + 10; token++) bench.call(token, "read");
    bench.call(1);
    for (let at = 0; at < REQUESTS_MAX; at++) bench.all(bench.take(), result(""));
    for (const { commands } of bench.requests) expect(commands.length).toBeLessThanOrEqual(COMMANDS_MAX);
    expect(bench.requests.some(({ commands }) => commands[0]?.kind === "register")).toBe(true);
  });

  it("follows the leader at once, but not in circles", () => {
    const bench = new Bench();
    bench.call(1, "read");
    const asked: string[] = [];
    for (let count = 0; count < 4; count++) {
      const request = bench.take();
      asked.push(request.to);
      bench.all(request, notLeader(request.to === "b" ? "c" : "b"));
    }
    expect(asked).toEqual(["a", "b", "c", "b"]);
    expect(bench.requests).toEqual([]);
    expect(bench.backoff()).toBeLessThanOrEqual(20);
    expect(bench.requests.length).toBe(1);
  });

  it("backs off longer and longer while nobody answers, up to a limit, asking everybody in turn", () => {
    const bench = new Bench();
    bench.call(1, "read");
    const asked: string[] = [];
    const spans: number[] = [];
    for (let count = 0; count < 12; count++) {
      const request = bench.take();
      asked.push(request.to);
      bench.answer(request, undefined);
      spans.push(bench.backoff());
    }
    expect(asked.slice(0, 6)).toEqual(["a", "b", "c", "a", "b", "c"]);
    expect(spans.every((span, at) => at === 0 || span >= (spans[at - 1] ?? 0))).toBe(true);
    expect(Math.max(...spans)).toBeLessThanOrEqual(500);
    bench.all(bench.take(), result(""));
    bench.call(2, "read");
    bench.answer(bench.take(), undefined);
    expect(bench.backoff()).toBeLessThanOrEqual(20);
  });

  it("is as patient as answers have lately been slow, and as nobody has answered, within bounds", () => {
    const bench = new Bench();
    const ask = (): Request => {
      bench.call(bench.nowMs, "read");
      return bench.take();
    };
    const first = ask();
    expect(first.timeoutMs).toBe(1_000);
    bench.nowMs += 600;
    bench.all(first, result(""));
    const slow = ask();
    expect(slow.timeoutMs).toBe(2_400);
    bench.nowMs += 2_400;
    bench.answer(slow, undefined);
    bench.backoff();
    const again = bench.take();
    expect(again.timeoutMs).toBe(3_000);
    bench.all(again, result(""));
    for (let count = 0; count < 20; count++) {
      bench.nowMs += 1;
      bench.all(ask(), result(""));
    }
    bench.nowMs += 1;
    expect(ask().timeoutMs).toBe(1_000);
    bench.nowMs += 60_000;
    bench.input({ kind: "members", members: ["a", "b", "c"], leader: "c" });
    expect(Math.max(...bench.requests.map(({ timeoutMs }) => timeoutMs))).toBeLessThanOrEqual(4_000);
  });

  it("a forgotten session: what was sent is refused, never sent anew; the rest goes under a new session", () => {
    const bench = new Bench();
    bench.call(1);
    bench.register(7);
    const sent = bench.take();
    bench.answer(sent, [forgotten]);
    expect(bench.done.get(1)).toBe("refused session-unknown");
    bench.call(2);
    bench.register(8);
    expect(shown(bench.take().commands)).toEqual(["update 8/1 1 p2"]);
  });

  it("a late refusal of the forgotten session does not cost the new one", () => {
    const bench = new Bench();
    bench.call(1);
    bench.register(7);
    const first = bench.take();
    bench.call(2);
    const second = bench.take();
    bench.answer(first, [forgotten]);
    bench.call(3);
    bench.register(8);
    bench.answer(bench.take(), [result("3")]);
    bench.answer(second, [forgotten]);
    bench.call(4);
    expect(shown(bench.take().commands)).toEqual(["update 8/2 2 p4"]);
    expect(bench.done.get(2)).toBe("refused session-unknown");
  });

  it("asks again for a session when the answer makes no sense", () => {
    const bench = new Bench();
    bench.call(1);
    bench.answer(bench.take(), [result("nonsense")]);
    bench.backoff();
    bench.register(9);
    expect(shown(bench.take().commands)).toEqual(["update 9/1 1 p1"]);
  });

  it("forgets a cancelled call, sent or not, and goes on", () => {
    const bench = new Bench();
    bench.call(1);
    bench.register();
    const sent = bench.take();
    bench.input({ kind: "cancel", token: 1 });
    bench.answer(sent, undefined);
    bench.input({ kind: "cancel", token: 77 });
    expect(bench.requests).toEqual([]);
    bench.call(2);
    expect(shown(bench.take().commands)).toEqual(["update 7/2 2 p2"]);
    expect(bench.done.size).toBe(0);
    expect(bench.client.waiting).toBe(1);
  });

  it("takes a repeated or unasked answer for nothing", () => {
    const bench = new Bench();
    bench.call(1, "read");
    const request = bench.take();
    bench.answer(request, [result("first")]);
    bench.answer(request, [result("second")]);
    bench.answer({ ...request, request: 999 }, undefined);
    expect([...bench.done]).toEqual([[1, "result first"]]);
  });

  it("refuses what is too large, and more calls than may wait", () => {
    const bench = new Bench(["a"], 2);
    bench.call(1, "read");
    bench.input({ kind: "call", token: 2, command: "read", payload: new Uint8Array(COMMAND_BYTES_MAX + 1) });
    bench.call(3, "read");
    bench.call(4, "read");
    expect([...bench.done]).toEqual([
      [2, "refused too-large"],
      [4, "full"],
    ]);
  });

  it("asks the leader it is told of first", () => {
    const bench = new Bench();
    bench.input({ kind: "members", members: ["x", "y"], leader: "y" });
    bench.call(1, "read");
    expect(bench.take().to).toBe("y");
    bench.input({ kind: "members", members: ["x"] });
    bench.call(2, "read");
    expect(bench.take().to).toBe("x");
  });

  it("E5 a new leader gets at once what was under way to the old one, with the same numbers; late answers are nothing", () => {
    const bench = new Bench();
    bench.input({ kind: "members", members: ["a", "b", "c"], leader: "a" });
    bench.call(1);
    bench.register();
    const lost = bench.take();
    bench.call(2, "read");
    const lostToo = bench.take();
    bench.input({ kind: "members", members: ["a", "b", "c"], leader: "b" });
    const again = bench.take();
    expect([again.to, shown(again.commands)]).toEqual(["b", ["update 7/1 1 p1", "read 0/0 0 p2"]]);
    bench.all(lost, notLeader("c"));
    bench.answer(lostToo, undefined);
    expect([bench.requests, bench.timerAtMs]).toEqual([[], undefined]);
    bench.all(again, result("done"));
    expect([...bench.done]).toEqual([
      [1, "result done"],
      [2, "result done"],
    ]);
  });

  it("a new leader ends the wait before the next attempt; the same one named again changes nothing", () => {
    const bench = new Bench();
    bench.input({ kind: "members", members: ["a", "b"], leader: "a" });
    bench.call(1, "read");
    bench.input({ kind: "members", members: ["a", "b"], leader: "a" });
    expect(bench.requests.length).toBe(1);
    bench.answer(bench.take(), undefined);
    expect(bench.requests).toEqual([]);
    bench.input({ kind: "members", members: ["a", "b"], leader: "b" });
    expect([bench.take().to, bench.timerAtMs]).toEqual(["b", undefined]);
  });

  it("a registration lost with the old leader is asked for anew", () => {
    const bench = new Bench();
    bench.input({ kind: "members", members: ["a", "b"], leader: "a" });
    bench.call(1);
    bench.take();
    bench.input({ kind: "members", members: ["a", "b"], leader: "b" });
    bench.register(9);
    expect(shown(bench.take().commands)).toEqual(["update 9/1 1 p1"]);
  });

  it("does not turn away from a new target for what an old one did not answer", () => {
    const bench = new Bench();
    bench.call(1, "read");
    bench.call(2, "read");
    const [first, second] = [bench.take(), bench.take()];
    bench.all(first, notLeader("c"));
    expect(bench.take().to).toBe("c");
    bench.answer(second, undefined);
    expect([bench.take().to, bench.timerAtMs]).toEqual(["c", undefined]);
  });

  it("spreads stale reads over all members, leaves out for a while who is mute, and backs off when all are", () => {
    const bench = new Bench();
    const ask = (token: number): string => {
      bench.call(token, "stale");
      const request = bench.take();
      expect(request.commands.map(({ kind }) => kind)).toEqual(["stale"]);
      bench.all(request, result("s"));
      return request.to;
    };
    expect([1, 2, 3, 4].map(ask)).toEqual(["a", "b", "c", "a"]);
    bench.call(5, "stale");
    bench.answer(bench.take(), undefined);
    const retried = bench.take();
    expect(retried.to).not.toBe("b");
    bench.all(retried, unknown);
    bench.all(bench.take(), unknown);
    expect([bench.requests, bench.timer]).toEqual([[], "backoff/stale"]);
    bench.backoff();
    bench.all(bench.take(), result("late"));
    expect(bench.done.get(5)).toBe("result late");
    expect(new Set([6, 7, 8, 9].map(ask))).toEqual(new Set(["a", "c"]));
    bench.nowMs += 5_000;
    expect(new Set([10, 11, 12].map(ask))).toEqual(new Set(["a", "b", "c"]));
  });

  it("stale reads neither wait for the leader nor hold it up", () => {
    const bench = new Bench(["a"]);
    bench.call(1, "read");
    bench.answer(bench.take(), undefined);
    expect(bench.timerAtMs).toBeDefined();
    bench.call(2, "stale");
    bench.all(bench.take(), result("s"));
    for (let token = 10; token < 20; token++) bench.call(token, "stale");
    expect(bench.requests.length).toBe(REQUESTS_MAX);
    bench.input({ kind: "cancel", token: 19 });
    bench.all(bench.take(), result("s"));
    expect(bench.requests.at(-1)?.commands.length).toBe(5);
    bench.backoff();
    expect(bench.requests.at(-1)?.commands[0]?.kind).toBe("read");
  });

  it("does not repeat what is under way to the new leader already", () => {
    const bench = new Bench();
    bench.call(1, "read");
    bench.input({ kind: "members", members: ["a", "b"], leader: "a" });
    expect(bench.requests.length).toBe(1);
  });
});
