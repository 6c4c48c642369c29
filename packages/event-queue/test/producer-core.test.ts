import {
  LINE_MAX,
  ProducerCore,
  type ProducerInput,
  type ProducerOutput,
  payloadsOf,
  WAITING_BYTES_MAX,
  WINDOW,
} from "@halon/event-queue";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const stored = { kind: "stored", message: "" };

type Request = ProducerOutput & { readonly kind: "report" | "enqueue" };
type Sent = Pick<Request, "kind" | "request"> & {
  readonly transponder: string | undefined;
  readonly seqs: readonly number[];
  readonly bytes: number;
  readonly lowest: number | undefined;
  readonly incarnation: string | undefined;
};

function sentOf(output: Request): Sent {
  const { kind, request } = output;
  if (kind === "report") {
    const [first] = output.events;
    const bytes = output.events.reduce((sum, { payload }) => sum + payload.byteLength, 0);
    const seqs = output.events.map(({ id }) => id?.seq ?? 0);
    const { lowest, id } = first ?? {};
    return { kind, request, transponder: output.transponder, seqs, bytes, lowest, incarnation: id?.incarnation };
  }
  const [first] = output.groups;
  const seqs = output.groups.flatMap((group) => payloadsOf(group).map((_, at) => group.first + at));
  const bytes = output.groups.reduce((sum, { payloads }) => sum + payloads.byteLength, 0);
  const { lowest, incarnation } = first ?? {};
  return { kind, request, transponder: undefined, seqs, bytes, lowest, incarnation };
}

/** A producer whose requests are answered by hand, with time that goes on by itself to the next timer. */
class Bench {
  readonly core: ProducerCore;
  readonly done: [token: number, kind: string][] = [];
  /** Sent and not answered, oldest first. */
  readonly sent: Sent[] = [];
  /** What registrations are answered. */
  isKnown: boolean | undefined = true;
  registered: string[] = [];
  nowMs = 0;
  timerMs: number | undefined;
  isSendDue = false;
  #token = 0;

  constructor(waitingMax?: number) {
    this.core = new ProducerCore({ producer: "p", incarnation: "i", ...(waitingMax !== undefined && { waitingMax }) });
  }

  step(input: ProducerInput): void {
    for (const output of this.core.step(input, this.nowMs))
      if (output.kind === "done") this.done.push([output.token, output.outcome.kind]);
      else if (output.kind === "register") this.#register(output.incarnation);
      else if (output.kind !== "timer") this.sent.push(sentOf(output));
      else if (output.name === "send") this.isSendDue = true;
      else this.timerMs = output.atMs;
  }

  #register(incarnation: string): void {
    this.registered.push(incarnation);
    this.step({ kind: "registered", isKnown: this.isKnown });
  }

  /** Submits, and lets it go. */
  promulgate(mergeKey?: string, bytes = 1, more: Partial<ProducerInput & { kind: "promulgate" }> = {}): number {
    const token = this.submit(mergeKey, bytes, more);
    this.go();
    return token;
  }

  /** Others may follow at the same time. */
  submit(mergeKey?: string, bytes = 1, more: Partial<ProducerInput & { kind: "promulgate" }> = {}): number {
    const payload = new Uint8Array(bytes);
    const event = { type: "test", payload, mergeKey, priority: 0, mayWait: false } as const;
    this.step({ kind: "promulgate", token: ++this.#token, ...event, ...more });
    return this.#token;
  }

  go(): void {
    if (!this.isSendDue) return;
    this.isSendDue = false;
    this.step({ kind: "timer", name: "send", random: 0.5 });
  }

  /** Answers the oldest request: all its events alike, or not at all. Returns how it was sent. */
  answer(kind: string | undefined): string {
    const request = this.sent.shift();
    if (request === undefined) throw new Error("nothing is under way");
    const outcomes = kind === undefined ? undefined : request.seqs.map(() => ({ kind, message: "why" }));
    this.step({ kind: "answer", request: request.request, outcomes });
    const way = request.kind === "enqueue" ? "direct" : (request.transponder ?? "any");
    return `${way} ${request.seqs.join()}`;
  }

  fire(): void {
    this.nowMs = this.timerMs ?? this.nowMs;
    this.timerMs = undefined;
    this.step({ kind: "timer", name: "backoff", random: 0.5 });
  }

  transponders(...names: readonly string[]): void {
    this.step({ kind: "transponders", names });
  }
}

describe("producer core", () => {
  it("E4 retries for ever, with the same id, until it is durable", () => {
    const bench = new Bench();
    const token = bench.promulgate();
    for (let round = 0; round < 200; round++) {
      expect(bench.done).toEqual([]);
      expect(bench.answer(round % 3 === 0 ? undefined : round % 3 === 1 ? "full" : "retry")).toBe("direct 1");
      if (bench.sent.length === 0) bench.fire();
    }
    bench.answer("duplicate");
    expect(bench.done).toEqual([[token, "stored"]]);
    expect([bench.core.waiting, bench.sent]).toEqual([0, []]);
  });

  it("waits longer from failure to failure, and not for more than a second", () => {
    const bench = new Bench();
    bench.promulgate();
    const spans: number[] = [];
    for (let round = 0; round < 9; round++) {
      bench.answer("retry");
      spans.push((bench.timerMs ?? 0) - bench.nowMs);
      expect(bench.sent).toEqual([]);
      bench.fire();
    }
    expect(spans.slice(0, 5)).toEqual([37.5, 75, 150, 300, 600]);
    expect(Math.max(...spans)).toBe(750);
  });

  it("goes through a transponder and, when that fails, straight to the stations, in turns", () => {
    const bench = new Bench();
    bench.transponders("t1", "t2");
    bench.promulgate();
    const ways: string[] = [];
    for (let round = 0; round < 4; round++) {
      ways.push(bench.answer(undefined));
      if (bench.sent.length === 0) bench.fire();
    }
    expect(ways).toEqual(["any 1", "direct 1", "any 1", "direct 1"]);
  });

  it("tries the other way at once, the first time", () => {
    const bench = new Bench();
    bench.transponders("t1");
    bench.promulgate();
    bench.answer(undefined);
    expect([bench.sent.length, bench.timerMs]).toEqual([1, undefined]);
    bench.answer(undefined);
    expect([bench.sent.length, bench.timerMs !== undefined]).toEqual([0, true]);
  });

  it("sends reports of one thing to one transponder, whoever sends them", () => {
    const ways = [new Bench(), new Bench()].map((bench) => {
      bench.transponders("t1", "t2", "t3", "t4");
      for (let node = 0; node < 20; node++) bench.promulgate(`user-${node}/7`);
      const seen: string[] = [];
      while (bench.sent.length > 0) seen.push(bench.answer("merged"));
      return seen.join(" ");
    });
    expect(ways[0]).toBe(ways[1]);
    for (const name of ["t1", "t2", "t3", "t4"]) expect(ways[0]).toContain(name);
  });

  it("lets events that wait travel together, in order and within limits", () => {
    const bench = new Bench();
    for (let count = 0; count < 1_000; count++) bench.promulgate();
    const seqs: number[] = [];
    let requests = 0;
    while (bench.sent.length > 0) {
      requests++;
      seqs.push(...(bench.sent[0]?.seqs ?? []));
      bench.answer("stored");
    }
    expect(seqs).toEqual(Array.from({ length: 1_000 }, (_, at) => at + 1));
    expect(requests).toBeLessThan(4);
  });

  it("never sends more than a command of the log may hold", () => {
    const bench = new Bench();
    for (let count = 0; count < 30; count++) bench.promulgate(undefined, 60_000);
    while (bench.sent.length > 0) {
      expect(bench.sent[0]?.bytes).toBeLessThan(220 * 1024);
      bench.answer("stored");
    }
    expect(bench.done).toHaveLength(30);
  });

  it("is bounded: beyond its limit it answers `full` and sends nothing", () => {
    const bench = new Bench(10);
    for (let count = 0; count < 12; count++) bench.promulgate();
    expect(bench.done).toEqual([
      [11, "full"],
      [12, "full"],
    ]);
    expect(bench.core.waiting).toBe(10);
    while (bench.sent.length > 0) bench.answer("stored");
    bench.promulgate();
    while (bench.sent.length > 0) bench.answer("stored");
    expect(bench.done.at(-1)).toEqual([13, "stored"]);
  });

  it("never runs ahead of what the queue takes, however old the event it waits for", () => {
    const bench = new Bench(2 * WINDOW);
    bench.promulgate();
    const [stuck] = bench.sent.splice(0, 1);
    for (let count = 1; count < WINDOW + 5; count++) {
      bench.promulgate(undefined, 1, { priority: 1 });
      while (bench.sent.length > 0) bench.answer("stored");
    }
    expect([bench.done.length, bench.core.waiting]).toEqual([WINDOW - 1, 6]);
    bench.step({ kind: "answer", request: stuck?.request ?? 0, outcomes: [stored] });
    expect(bench.answer("stored")).toBe(`direct ${WINDOW + 1},${WINDOW + 2},${WINDOW + 3},${WINDOW + 4},${WINDOW + 5}`);
  });

  it("lets submitters wait in line when asked to, in order, and none overtakes them", () => {
    const bench = new Bench(2);
    const line = { mayWait: true };
    for (let count = 0; count < 4; count++) bench.submit(undefined, 1, line);
    bench.submit();
    expect(bench.done).toEqual([[5, "full"]]);
    bench.go();
    expect(bench.answer("stored")).toBe("direct 1,2");
    expect(bench.answer("stored")).toBe("direct 3,4");
    for (let count = 0; count < LINE_MAX + 3; count++) bench.submit(undefined, 1, line);
    expect(bench.done.at(-1)).toEqual([LINE_MAX + 8, "full"]);
    expect(bench.core.status).toMatchObject({ waiting: 2, inLine: LINE_MAX, full: 2 });
  });

  it("is bounded in bytes as well", () => {
    const bench = new Bench();
    const bytes = 190 * 1024;
    for (let count = 0; count * bytes < WAITING_BYTES_MAX + bytes; count++) bench.submit(undefined, bytes);
    expect(bench.done.every(([, kind]) => kind === "full")).toBe(true);
    expect(bench.done.length).toBeGreaterThan(0);
    expect(bench.core.status["bytes"]).toBeLessThanOrEqual(WAITING_BYTES_MAX);
  });

  it("sends what is urgent first, and at once", () => {
    const bench = new Bench();
    bench.promulgate();
    bench.submit(undefined, 1, { priority: 3 });
    bench.submit();
    bench.submit(undefined, 1, { type: "node-unreachable" });
    bench.go();
    expect(bench.sent.map(({ seqs }) => seqs)).toEqual([[1], [2, 3, 4]]);
    expect(bench.promulgate(undefined, 1)).toBe(5);
    expect(bench.sent).toHaveLength(2);
  });

  it("E4 awaits that the queue knows it before its first event, for as long as that takes", () => {
    const bench = new Bench();
    bench.isKnown = undefined;
    bench.promulgate();
    bench.isKnown = false;
    bench.fire();
    expect(bench.sent).toEqual([]);
    bench.isKnown = true;
    bench.fire();
    expect([bench.registered, bench.answer("stored")]).toEqual([["i", "i", "i"], "direct 1"]);
  });

  it("E4 forgotten, it fails what may have been stored, and goes on with the rest as another incarnation", () => {
    const bench = new Bench();
    const [stale, fresh] = [bench.promulgate(), bench.submit()];
    bench.answer(undefined);
    bench.go();
    bench.answer("forgotten");
    expect(bench.done).toEqual([[stale, "unknown"]]);
    expect(bench.registered).toEqual(["i", "i-2"]);
    expect(bench.sent[0]).toMatchObject({ incarnation: "i-2", seqs: [1], lowest: 1 });
    bench.answer("stored");
    expect(bench.done.at(-1)).toEqual([fresh, "stored"]);
    expect(bench.core.status).toMatchObject({ waiting: 0, forgotten: 1 });
  });

  it("forgotten while it had nothing to say, it loses nothing", () => {
    const bench = new Bench();
    bench.promulgate();
    bench.answer("stored");
    bench.nowMs += 100 * 3_600_000;
    const token = bench.promulgate();
    bench.answer("forgotten");
    expect(bench.done).toHaveLength(1);
    expect(bench.answer("stored")).toBe("direct 1");
    expect(bench.done.at(-1)).toEqual([token, "stored"]);
    // An answer that took so long may be that of a second sending.
    const late = bench.promulgate();
    bench.nowMs += 400_000;
    bench.answer("forgotten");
    expect(bench.done.at(-1)).toEqual([late, "unknown"]);
  });

  it("refuses what is too large without sending it, and passes a refusal on", () => {
    const bench = new Bench();
    bench.promulgate(undefined, 300_000);
    expect([bench.done, bench.sent]).toEqual([[[1, "refused"]], []]);
    bench.promulgate();
    bench.answer("refused");
    expect(bench.done.at(-1)).toEqual([2, "refused"]);
  });

  it("tells the queue from which number on it still waits", () => {
    const bench = new Bench();
    for (let count = 0; count < 3; count++) bench.promulgate(undefined, 1, { priority: 1 });
    const [, second] = bench.sent.splice(0, 2);
    bench.step({ kind: "answer", request: second?.request ?? 0, outcomes: [stored] });
    bench.answer("stored");
    bench.promulgate(undefined, 1, { priority: 1 });
    expect(bench.sent.at(-1)).toMatchObject({ seqs: [4], lowest: 1 });
  });

  it("answers every event once, over any failures", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.nat(6), fc.constantFrom("stored", "merged", "retry", "full", "refused", undefined, "other")),
          { maxLength: 80 },
        ),
        (moves) => {
          const bench = new Bench(50);
          let promulgated = 0;
          for (const [move, kind] of moves) {
            if (move < 2) promulgated = bench.promulgate(move === 0 ? "key" : undefined);
            else if (move === 2) bench.transponders("t1", "t2");
            else if (move === 3) bench.transponders();
            else if (bench.sent.length > 0) bench.answer(kind);
            else bench.fire();
          }
          for (let round = 0; round < 500 && bench.core.waiting > 0; round++)
            if (bench.sent.length > 0) bench.answer("stored");
            else bench.fire();
          expect(bench.done.map(([token]) => token).sort((a, b) => a - b)).toEqual(
            Array.from({ length: promulgated }, (_, at) => at + 1),
          );
        },
      ),
    );
  });
});
