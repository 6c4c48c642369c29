import { VirtualClock } from "@halon/runtime";
import { beforeEach, describe, expect, it } from "vitest";
import { ChangeWindow } from "../../src/watch/change-window.ts";
import { ANSWER_BYTES_MAX, type WatchAnswer } from "../../src/watch/watch.ts";
import { WATCHERS_MAX, WatchDesk } from "../../src/watch/watch-desk.ts";

const LIMITS = { changesMax: 10, bytesMax: 100 * ANSWER_BYTES_MAX };

let clock: VirtualClock;
let desk: WatchDesk;
let window: ChangeWindow;
let answers: WatchAnswer[];
beforeEach(() => {
  clock = new VirtualClock();
  desk = new WatchDesk(clock, "g");
  window = new ChangeWindow(5, LIMITS);
  desk.use(window);
  answers = [];
});

const ask = (after: number, { prefix = "", waitMs = 1_000, group = "" } = {}) =>
  desk.ask({ after, prefix, waitMs, group }, (answer) => answers.push(answer));
function change(index: number, key = "k", bytes = 1): void {
  window.note(index, [{ index, key, value: new Uint8Array(bytes) }]);
  desk.changed();
}
const settle = (): void => clock.runUntil(clock.nowMs());
const said = () =>
  answers.map((answer) => (answer.kind === "changes" ? `${answer.changes.length} up to ${answer.upTo}` : answer.kind));

describe("a watch desk", () => {
  it("answers at once when there is something, else when there is, else when the time is over", () => {
    change(6);
    ask(5);
    ask(6);
    ask(6, { prefix: "other" });
    expect(said()).toEqual(["1 up to 6"]);
    expect(desk.waiting).toBe(2);
    change(7);
    settle();
    expect(said()).toEqual(["1 up to 6", "1 up to 7"]);
    clock.runUntil(999);
    expect(desk.waiting).toBe(1);
    clock.runUntil(1_000);
    expect(said()).toEqual(["1 up to 6", "1 up to 7", "0 up to 7"]);
    expect(desk.waiting).toBe(0);
  });

  it("sends to the state who asks for what is gone, or for decrees of another group", () => {
    ask(4);
    ask(5, { group: "other" });
    expect(answers).toEqual([
      { kind: "resync", group: "g", index: 5 },
      { kind: "resync", group: "g", index: 5 },
    ]);
  });

  it("lets one wait that knows more, until the decree comes or the time is over", () => {
    ask(7);
    ask(9, { waitMs: 100 });
    change(7);
    settle();
    expect(answers).toEqual([]);
    change(8);
    settle();
    expect(said()).toEqual(["1 up to 8"]);
    clock.runUntil(100);
    expect(answers.at(-1)).toMatchObject({ kind: "refused", code: "behind" });
  });

  it("while there is no state all wait; with the next one they go on, or are sent to it", () => {
    ask(5);
    desk.use(undefined);
    ask(20);
    ask(5, { waitMs: 10 });
    clock.runUntil(10);
    expect(answers).toMatchObject([{ kind: "refused", code: "unavailable" }]);
    desk.use(new ChangeWindow(20, LIMITS));
    settle();
    expect(answers.slice(1)).toEqual([{ kind: "resync", group: "g", index: 20 }]);
    expect(desk.waiting).toBe(1);
  });

  it("refuses more than it has room for, and answers nobody any more when stopped", () => {
    for (let at = 0; at < WATCHERS_MAX; at++) ask(5);
    ask(5);
    expect(answers).toMatchObject([{ kind: "refused", code: "busy" }]);
    // What can be answered at once takes no room.
    ask(4);
    expect(answers.length).toBe(2);
    desk.stop();
    change(6);
    clock.runUntil(5_000);
    expect([answers.length, desk.waiting]).toEqual([2, 0]);
  });

  it("a question that is cancelled is forgotten", () => {
    const cancel = ask(5);
    cancel();
    cancel();
    change(6);
    clock.runUntil(2_000);
    expect([answers.length, desk.waiting]).toEqual([0, 0]);
  });

  it("answers many in turns, so that other work comes in between, and leaves out nobody", () => {
    for (let at = 0; at < WATCHERS_MAX; at++) ask(5);
    change(6, "k", ANSWER_BYTES_MAX / 2);
    const perTurn: number[] = [];
    while (answers.length < WATCHERS_MAX) {
      const before = answers.length;
      if (!clock.step(0)) break;
      perTurn.push(answers.length - before);
    }
    expect(answers.length).toBe(WATCHERS_MAX);
    expect(Math.max(...perTurn)).toBeLessThanOrEqual(5);
  });

  it("one that waits through many changes of other keys is not sent away for those", () => {
    ask(5, { prefix: "mine" });
    for (let index = 6; index < 100; index++) {
      change(index, "other");
      settle();
    }
    expect(answers).toEqual([]);
    change(100, "mine");
    settle();
    expect(said()).toEqual(["1 up to 100"]);
  });
});
