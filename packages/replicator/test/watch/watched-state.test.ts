import { Applier, type Command, type Transaction } from "@halon/replicated-log";
import { type Store, VirtualClock } from "@halon/runtime";
import { MemoryStoreDisk, openStoreMemory } from "@halon/store-memory";
import { beforeEach, describe, expect, it } from "vitest";
import type { WatchAnswer } from "../../src/watch/watch.ts";
import { encodeWatchRequest } from "../../src/watch/watch-codec.ts";
import { TELL_MS, WATCHED_MS, WatchedState, type WatchOptions } from "../../src/watch/watched-state.ts";

/** Puts what follows the first character under it. */
const machine = {
  apply: (payload: Uint8Array, state: Transaction): Uint8Array => {
    state.put(String.fromCharCode(payload[0] ?? 0), payload.subarray(1));
    return payload;
  },
  query: (): Uint8Array => new Uint8Array(0),
};

let clock: VirtualClock;
let store: Store;
let told: number;
let answers: WatchAnswer[];
beforeEach(() => {
  clock = new VirtualClock();
  store = openStoreMemory({ disk: new MemoryStoreDisk(), clock, flushMs: 0, identity: "s" });
  told = 0;
  answers = [];
});

class Member {
  readonly state: WatchedState;
  readonly #applier: Applier;

  constructor(options: WatchOptions = {}) {
    this.state = new WatchedState({ group: "g", ...options }, { clock, store, tellOthers: () => told++ });
    this.#applier = new Applier(this.state.store, machine);
    this.state.open();
  }

  apply(...texts: readonly string[]): void {
    const commands = texts.map(
      (text): Command => ({ kind: "idempotent", session: 0, seq: 0, lowest: 0, payload: Buffer.from(text) }),
    );
    this.#applier.apply(this.#applier.applied + 1, { elapsedMs: 0, commands });
  }

  ask(after: number, prefix = ""): void {
    this.state.ask({ after, prefix, waitMs: 1_000, group: "" }, (answer) => answers.push(answer));
    clock.runUntil(clock.nowMs());
  }
}

describe("a watched state", () => {
  it("keeps nothing while nobody watches", () => {
    const member = new Member();
    member.apply("aone");
    member.apply("atwo");
    expect(member.state.status).toMatchObject({ windowChanges: 0, windowBytes: 0 });
    member.ask(0);
    expect(answers).toEqual([{ kind: "resync", group: "g", index: 2 }]);
    member.apply("athree");
    member.ask(2);
    expect(answers.at(-1)).toEqual({
      ...{ kind: "changes", group: "g", upTo: 3 },
      changes: [{ index: 3, key: "a", value: new Uint8Array(Buffer.from("three")) }],
    });
    expect(member.state.status).toMatchObject({ windowFrom: 2, windowChanges: 1 });
  });

  it("stops keeping some time after the last question, anywhere, and says so to who comes later", () => {
    const member = new Member();
    member.ask(0);
    member.apply("aone");
    clock.runUntil(WATCHED_MS - 1);
    member.state.heard();
    clock.runUntil(WATCHED_MS + 1_000);
    member.apply("atwo");
    expect(member.state.status.windowChanges).toBe(2);
    clock.runUntil(2 * WATCHED_MS);
    expect(member.state.status).toMatchObject({ windowFrom: 0, windowChanges: 0, watchers: 0 });
    member.apply("athree");
    expect(member.state.status).toMatchObject({ windowFrom: 0, windowChanges: 0, watchers: 0 });
    member.ask(2);
    expect(answers.at(-1)).toEqual({ kind: "resync", group: "g", index: 3 });
  });

  it("keeps what one of the others is asked for, so as to go on in its place", () => {
    const member = new Member();
    member.apply("aone");
    member.state.heard();
    member.apply("atwo");
    member.ask(1);
    expect(answers).toMatchObject([{ kind: "changes", upTo: 2 }]);
  });

  it("tells the others that somebody watches, now and then", () => {
    const member = new Member();
    for (let at = 0; at < 10; at++) member.ask(0);
    expect(told).toBe(1);
    clock.runUntil(TELL_MS);
    member.ask(0);
    member.ask(0);
    expect(told).toBe(2);
  });

  it("tells of one decree what became of each key, and of the log's own keys nothing", () => {
    const member = new Member();
    member.ask(0);
    member.apply("aone", "b", "atwo");
    member.ask(0);
    const [, answer = answers[0]] = answers;
    expect(
      answer?.kind === "changes" && answer.changes.map(({ key, value }) => [key, String(Buffer.from(value ?? []))]),
    ).toEqual([
      ["a", "two"],
      ["b", ""],
    ]);
  });

  it("keeps only what can be watched", () => {
    const member = new Member({ prefixes: ["a", "c"] });
    member.ask(0, "a");
    member.apply("aone", "btwo");
    expect(member.state.status.windowChanges).toBe(1);
    member.ask(0, "b");
    expect(answers[0]).toMatchObject({
      kind: "refused",
      code: "not-watched",
      message: expect.stringContaining('"a", "c"'),
    });
  });

  it("a value outlives the decree that it came in", () => {
    const member = new Member();
    member.ask(0);
    const payload = Buffer.from("alive");
    const command: Command = { kind: "idempotent", session: 0, seq: 0, lowest: 0, payload };
    new Applier(member.state.store, machine).apply(1, { elapsedMs: 0, commands: [command] });
    payload.fill(0);
    member.ask(0);
    const last = answers.at(-1);
    expect(last?.kind === "changes" && String(Buffer.from(last.changes[0]?.value ?? []))).toBe("live");
  });

  it("while the state is replaced all wait; then who lacks something is told so", () => {
    const member = new Member();
    member.ask(0);
    member.state.close();
    member.ask(0);
    expect(answers).toEqual([]);
    clock.runUntil(1_000);
    expect(answers).toMatchObject([{ code: "unavailable" }, { code: "unavailable" }]);
    member.ask(0);
    member.apply("aone");
    member.apply("atwo");
    member.state.open();
    clock.runUntil(clock.nowMs());
    expect(answers.at(-1)).toEqual({ kind: "resync", group: "g", index: 2 });
  });

  it("counts and drops what is no question", () => {
    const member = new Member();
    let replies = 0;
    member.state.askBytes(Uint8Array.of(255, 1), () => replies++);
    expect([replies, member.state.status.malformed]).toEqual([0, 1]);
    member.state.askBytes(encodeWatchRequest({ after: 0, prefix: "", waitMs: 0, group: "" }), () => replies++);
    expect([replies, member.state.status.malformed]).toEqual([1, 1]);
  });
});
