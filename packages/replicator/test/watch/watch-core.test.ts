import { beforeEach, describe, expect, it } from "vitest";
import type { WatchAnswer } from "../../src/watch/watch.ts";
import { POLL_WAIT_MS, WatchCore, type WatchInput, type WatchOutput } from "../../src/watch/watch-core.ts";

let core: WatchCore;
let nowMs: number;
let out: readonly WatchOutput[];
beforeEach(() => {
  core = new WatchCore({ after: 5, prefix: "k/" });
  nowMs = 0;
});

const step = (input: WatchInput): readonly string[] => {
  out = core.step(input, nowMs);
  return out.map((each) => {
    if (each.kind === "poll") return `${each.poll} ask ${each.to} after ${each.request.after} of ${each.request.group}`;
    return each.kind === "news" ? each.news.kind : `wait ${(each.atMs ?? 0) - nowMs}`;
  });
};
const members = (...names: readonly string[]) => step({ kind: "members", members: names, random: 0 });
const answer = (poll: number, given: Partial<WatchAnswer> | undefined) =>
  step({ kind: "answer", poll, answer: given && ({ group: "g", ...given } as WatchAnswer) });
const changes = (upTo: number, ...keys: readonly string[]) =>
  ({ kind: "changes", upTo, changes: keys.map((key) => ({ index: upTo, key, value: undefined })) }) as const;
const timer = () => step({ kind: "timer", name: "again", random: 0 });

describe("a watch core", () => {
  it("waits for members, and asks for the next only when the last news are dealt with", () => {
    expect(members()).toEqual([]);
    expect(members("a", "b")).toEqual(["1 ask a after 5 of "]);
    expect(answer(1, changes(7, "k/1"))).toEqual(["changes"]);
    expect(core.after).toBe(7);
    expect(step({ kind: "proceed" })).toEqual(["2 ask a after 7 of g"]);
    expect(step({ kind: "proceed" })).toEqual([]);
  });

  it("goes to the next with the same index when one does not answer, is behind, is busy or has no state", () => {
    members("a", "b", "c");
    const ways = [undefined, ...(["busy", "behind", "unavailable"] as const)];
    const to = ["b", "c", "a", "b"];
    ways.forEach((code, at) => {
      const refusal = code && ({ kind: "refused", code, message: "" } as const);
      expect(answer(at + 1, refusal)).toEqual([`wait ${20 * 2 ** at}`]);
      expect(timer()).toEqual([`${at + 2} ask ${to[at]} after 5 of `]);
    });
    answer(5, changes(6));
    step({ kind: "proceed" });
    expect(answer(6, undefined)).toEqual(["wait 20"]);
  });

  it("ends with a resync, and with a refusal that others would repeat", () => {
    members("a");
    expect(answer(1, { kind: "resync", index: 9 })).toEqual(["resync"]);
    expect([...members("a", "b"), ...step({ kind: "proceed" }), ...timer(), ...answer(1, undefined)]).toEqual([]);
    core = new WatchCore({ after: 5 });
    members("a");
    expect(answer(1, { kind: "refused", code: "not-watched", message: "no" })).toEqual(["refused"]);
  });

  it.each([
    ["that goes back", changes(4)],
    ["of a key that is not watched", changes(7, "other")],
    ["of a decree that was told", { ...changes(7), changes: [{ index: 5, key: "k/1", value: undefined }] }],
  ])("believes no answer %s", (_, wrong) => {
    members("a", "b");
    expect(answer(1, wrong)).toEqual(["wait 20"]);
    expect(core.after).toBe(5);
  });

  it("believes no changes of another group than the first one", () => {
    members("a", "b");
    answer(1, changes(6));
    step({ kind: "proceed" });
    expect(answer(2, { ...changes(7, "k/1"), group: "h" })).toEqual(["wait 20"]);
  });

  it("asks one that waits as it should at once again, and one that does not after a while", () => {
    members("a");
    nowMs = POLL_WAIT_MS;
    expect(answer(1, changes(5))).toEqual(["2 ask a after 5 of g"]);
    expect(answer(2, changes(5))).toEqual(["wait 20"]);
  });

  it("stays with its member while that is one, and leaves it when it is none any more", () => {
    members("a", "b");
    expect(members("c", "a")).toEqual([]);
    expect(members("c", "d")).toEqual(["2 ask c after 5 of "]);
    expect(answer(1, changes(7, "k/1"))).toEqual([]);
    expect(members()).toEqual([]);
    expect(members("e")).toEqual(["3 ask e after 5 of "]);
  });
});
