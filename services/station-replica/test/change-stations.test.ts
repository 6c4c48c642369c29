import type { Reconfigure } from "@halon/replicated-log";
import { type CallOutcome, encodeReconfigured } from "@halon/replicated-log";
import { describe, expect, it } from "vitest";
import { changeStations, type StationsChanged } from "../src/api/change-stations.ts";
import { stationList } from "../src/station-list.ts";

const heard = (member: string, role: string) => ({ clusterId: "id", member, role, applied: 7 });
const STATIONS = stationList(
  ["a.0", "b.0", "c.0"],
  [heard("a.0", "leader"), heard("b.0", "follower"), heard("c.9f3a01bc", "learner"), heard("d.1", "learner")],
);
const DONE: CallOutcome = {
  kind: "result",
  result: encodeReconfigured({ number: 9, membership: { legislature: 2, members: ["a.0", "d.1"] } }),
};

/** What was asked of the log, and what came of it. */
async function change(
  add: string,
  remove: string,
  outcome: CallOutcome = DONE,
): Promise<{ readonly asked: readonly Reconfigure[]; readonly changed: StationsChanged }> {
  const asked: Reconfigure[] = [];
  const reconfigure = (request: Reconfigure, done: (outcome: CallOutcome) => void) => {
    asked.push(request);
    queueMicrotask(() => done(outcome));
    return () => undefined;
  };
  const ports = { stations: () => STATIONS, reconfigure };
  return { changed: await changeStations(ports, { add, remove }, new AbortController().signal), asked };
}

describe("the list of stations", () => {
  it("has who votes and who is heard, each incarnation by itself", () => {
    expect(STATIONS.map(({ member, votes, role }) => `${member} ${votes} ${role}`)).toEqual([
      "a.0 true leader",
      "b.0 true follower",
      "c.0 true ",
      "c.9f3a01bc false learner",
      "d.1 false learner",
    ]);
  });
});

describe("changing who votes", () => {
  it.each<[string, string, Reconfigure]>([
    ["d", "", { add: "d.1" }],
    ["", "b", { remove: "b.0" }],
    ["d", "c", { add: "d.1", remove: "c.0" }],
    ["c", "c", { add: "c.9f3a01bc", remove: "c.0" }],
  ])("names members for nodes: add %j, remove %j", async (add, remove, request) => {
    expect(await change(add, remove)).toEqual({
      asked: [request],
      changed: { outcome: "changed", message: "", members: ["a", "d"] },
    });
  });

  it("of what is so already is no change, and asks nobody", async () => {
    const changed = { outcome: "unchanged", message: "", members: ["a", "b", "c"] };
    expect(await change("a", "")).toEqual({ asked: [], changed });
    expect(await change("", "x")).toEqual({ asked: [], changed });
    await expect(change("d", "x")).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: "x does not vote, so nothing can take its place. Who does: a, b, c",
    });
  });

  it("tells who is not heard yet, and passes on what the log refuses", async () => {
    expect((await change("x", "")).changed).toMatchObject({
      outcome: "not-heard",
      message: expect.stringMatching(/^x is/),
    });
    const refused = { kind: "refused", code: "not-caught-up", message: "it learns" } as const;
    expect((await change("d", "", refused)).changed).toEqual({
      outcome: "not-caught-up",
      message: "it learns",
      members: [],
    });
  });

  it("says what to do about a node that runs under another id than it votes", async () => {
    await expect(change("c", "")).rejects.toMatchObject({
      code: "FAILED_PRECONDITION",
      message: "c votes as c.0, and runs as c.9f3a01bc: halonctl station replace c c",
    });
    await expect(change("", "")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("given up by its caller is not known", async () => {
    const controller = new AbortController();
    let cancelled = 0;
    const reconfigure = () => () => {
      cancelled++;
    };
    const asked = changeStations(
      { stations: () => STATIONS, reconfigure },
      { add: "d", remove: "" },
      controller.signal,
    );
    controller.abort("deadline");
    await expect(asked).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    expect(cancelled).toBe(1);
  });
});
