import { ProducerCore, type ProducerInput, type ProducerOutput, WINDOW } from "@halon/event-queue";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const stored = { kind: "stored", message: "" };

/** A producer whose requests are answered by hand, with time that goes on by itself to the next timer. */
class Bench {
  readonly core: ProducerCore;
  readonly done: [token: number, kind: string][] = [];
  /** Sent and not answered, oldest first. */
  readonly sent: (ProducerOutput & { kind: "report" | "enqueue" })[] = [];
  nowMs = 0;
  timerMs: number | undefined;
  #token = 0;

  constructor(waitingMax?: number) {
    this.core = new ProducerCore({ producer: "p", incarnation: "i", ...(waitingMax !== undefined && { waitingMax }) });
  }

  step(input: ProducerInput): void {
    for (const output of this.core.step(input, this.nowMs))
      if (output.kind === "done") this.done.push([output.token, output.outcome.kind]);
      else if (output.kind === "timer") this.timerMs = output.atMs;
      else this.sent.push(output);
  }

  promulgate(mergeKey?: string, bytes = 1): number {
    this.step({ kind: "promulgate", token: ++this.#token, type: "test", payload: new Uint8Array(bytes), mergeKey });
    return this.#token;
  }

  /** Answers the oldest request: all its events alike, or not at all. Returns how it was sent. */
  answer(kind: string | undefined): string {
    const request = this.sent.shift();
    if (request === undefined) throw new Error("nothing is under way");
    const outcomes = kind === undefined ? undefined : request.events.map(() => ({ kind, message: "why" }));
    this.step({ kind: "answer", request: request.request, outcomes });
    const way = request.kind === "enqueue" ? "direct" : (request.transponder ?? "any");
    return `${way} ${request.events.map(({ id }) => id?.seq).join()}`;
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
      const [request] = bench.sent;
      requests++;
      expect(request?.events.length).toBeLessThanOrEqual(256);
      seqs.push(...(request?.events ?? []).map(({ id }) => id?.seq ?? 0));
      bench.answer("stored");
    }
    expect(seqs).toEqual(Array.from({ length: 1_000 }, (_, at) => at + 1));
    expect(requests).toBeLessThan(12);
  });

  it("never sends more than a command of the log may hold", () => {
    const bench = new Bench();
    for (let count = 0; count < 30; count++) bench.promulgate(undefined, 60_000);
    while (bench.sent.length > 0) {
      const [request] = bench.sent;
      expect((request?.events ?? []).reduce((sum, { payload }) => sum + payload.byteLength, 0)).toBeLessThan(
        220 * 1024,
      );
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
    const bench = new Bench();
    bench.promulgate();
    const [stuck] = bench.sent.splice(0, 1);
    for (let count = 1; count < WINDOW + 5; count++) {
      bench.promulgate();
      while (bench.sent.length > 0) bench.answer("stored");
    }
    expect(bench.done.filter(([, kind]) => kind === "full")).toHaveLength(5);
    bench.step({ kind: "answer", request: stuck?.request ?? 0, outcomes: [stored] });
    bench.promulgate();
    expect(bench.answer("stored")).toBe(`direct ${WINDOW + 1}`);
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
    for (let count = 0; count < 3; count++) bench.promulgate();
    const [, second] = bench.sent.splice(0, 2);
    bench.step({ kind: "answer", request: second?.request ?? 0, outcomes: [stored] });
    bench.answer("stored");
    bench.promulgate();
    expect(bench.sent.at(-1)?.events[0]).toMatchObject({ id: { seq: 4 }, lowest: 1 });
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
