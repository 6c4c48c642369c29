import { afterEach, beforeEach, expect, it } from "vitest";
import { StationGroup } from "./station-group.ts";

let group: StationGroup;
beforeEach(async () => {
  group = await StationGroup.found("a", "b", "c");
  group.startAll();
  await group.promulgate("first");
});
afterEach(() => group?.stop());

const WHY_WIPED =
  /holds no identity\..* this station does not vote with it, .* Restore the directory, or leave this station off$/;

/** Ends a station for good, and has it start again with an empty directory. */
async function wipe(...nodes: readonly string[]): Promise<void> {
  for (const node of nodes) {
    await group.station(node).end("SIGKILL");
    group.save(node);
    group.wipe(node);
    group.station(node).start();
  }
}

it("L15 one of three directories wiped: the two go on, the wiped one says why and what to do, and does not vote", async () => {
  const wiped = await group.leader();
  await wipe(wiped);
  expect(await group.promulgate("second")).toEqual({ kind: "stored" });
  const health = await group.healthy(wiped, (status) => status["phase"] === "ready");
  expect(health).toMatchObject({ healthy: false, votes: false, why: expect.stringMatching(WHY_WIPED) });
  expect(group.station(wiped).output).toMatch(/"level":"error".*this station does not vote: .* Then restart it"/);
  expect(group.filesOf(wiped)).toEqual([]);
});

it("L15 two of three directories wiped, all restarted: nothing is decided, no second history is founded; restored, it goes on", async () => {
  await wipe("a", "b");
  await group.station("c").end("SIGKILL");
  group.station("c").start();
  let outcome: string | undefined;
  const event = group.promulgate("second").then(({ kind }) => {
    outcome = kind;
  });
  // It has stood for election over and over, and nobody has voted for it.
  const round = (status: Readonly<Record<string, unknown>>): number => Number.parseInt(String(status["ballot"]), 10);
  const before = round(await group.healthy("c", (status) => status["phase"] === "ready"));
  const alone = await group.healthy("c", (status) => round(status) >= before + 4);
  expect(alone).toMatchObject({
    healthy: false,
    role: "candidate",
    why: expect.stringMatching(/^no leader: a majority of a, b, c/),
  });
  for (const node of ["a", "b"]) {
    expect(await group.health(node)).toMatchObject({ votes: false, why: expect.stringMatching(WHY_WIPED) });
    expect(group.filesOf(node)).toEqual([]);
  }
  expect(outcome).toBeUndefined();
  for (const node of ["a", "b"]) {
    await group.station(node).end("SIGTERM");
    group.restore(node);
    group.station(node).start();
  }
  await event;
  expect(outcome).toBe("stored");
  const leader = await group.leader();
  expect(await group.events(leader, 0)).toEqual(["first", "second"]);
});
