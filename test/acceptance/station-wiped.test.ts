import { readdirSync } from "node:fs";
import { afterEach, beforeEach, expect, it } from "vitest";
import { StationGroup, until } from "./station-group.ts";

let group: StationGroup;
beforeEach(async () => {
  group = await StationGroup.found("a", "b", "c");
  group.startAll();
  await group.promulgate("first");
});
afterEach(() => group?.stop());

const votes = (status: Readonly<Record<string, unknown>>): boolean =>
  status["votes"] === true && status["healthy"] === true;

it("L15 one of three directories wiped: the two go on, the wiped one rejoins by itself as a new incarnation", async () => {
  const wiped = await group.leader();
  await group.station(wiped).end("SIGKILL");
  group.wipe(wiped);
  group.station(wiped).start();
  expect(await group.promulgate("second")).toEqual({ kind: "stored" });
  const health = await group.healthy(wiped, votes);
  const { member } = group.station(wiped);
  expect(member).toMatch(/^[abc]\.[0-9a-f]{8}$/);
  const others = ["a.0", "b.0", "c.0"].filter((each) => !each.startsWith(wiped));
  expect(health).toMatchObject({ member, members: [...others, member].sort() });
  expect(group.station(wiped).output).toMatch(/"msg":"joins anew: .* holds no identity/);
  // It counts: with another one gone, the two decide.
  const [gone = ""] = ["a", "b", "c"].filter((node) => node !== wiped);
  await group.station(gone).end("SIGKILL");
  expect(await group.promulgate("third")).toEqual({ kind: "stored" });
  group.station(gone).start();
  await group.healthy(gone, votes);
  expect(await group.history()).toEqual(["first", "second", "third"]);
});

it("L15 with rejoin off a wiped station says why it does not vote and what to do, and touches nothing", async () => {
  await group.station("a").end("SIGKILL");
  group.wipe("a");
  group.station("a").start({ "--rejoin": "off" });
  const health = await group.healthy("a", (status) => status["phase"] === "ready");
  expect(health).toMatchObject({
    healthy: false,
    votes: false,
    why: expect.stringMatching(/holds no identity.*\. It may not join again by itself .* station replace a a$/),
  });
  expect(group.filesOf("a")).toEqual([]);
  expect(await group.promulgate("second")).toEqual({ kind: "stored" });
});

it("L15 two of three directories wiped, all restarted: nothing is decided, no second history is founded; put back, it goes on", async () => {
  await Promise.all(group.stations.map((station) => station.end("SIGKILL")));
  for (const node of ["a", "b"]) group.wipe(node);
  group.startAll();
  let outcome: string | undefined;
  const event = group.promulgate("second").then(({ kind }) => {
    outcome = kind;
  });
  const whys =
    /The other stations answer, but nobody leads: a majority of a, b, c must run .* halonctl station recover$/;
  for (const node of ["a", "b"]) {
    const health = await group.healthy(node, ({ why }) => whys.test(String(why)));
    expect(health).toMatchObject({ healthy: false, votes: false });
    await until(
      () => /"level":"error".*this station does not vote: .*nobody leads/.test(group.station(node).output),
      () => group.describe(`${node} does not say why`),
    );
    expect(group.filesOf(node)).toEqual([]);
  }
  const alone = await group.healthy("c", ({ why }) =>
    String(why).startsWith("no leader: a majority of a, b, c has to run"),
  );
  expect(alone).toMatchObject({ healthy: false, members: ["a.0", "b.0", "c.0"] });
  expect(outcome).toBeUndefined();
  for (const node of ["a", "b"]) {
    await group.station(node).end("SIGTERM");
    group.unwipe(node);
    group.station(node).start();
  }
  await event;
  expect(outcome).toBe("stored");
  expect(await group.history()).toEqual(["first", "second"]);
});

it("L15 a copied directory started beside the original is refused, and the original is not disturbed", async () => {
  const copy = group.copy("b");
  const twin = group.spare("b");
  twin.start({ "--state-dir": copy });
  expect(await twin.end()).toBe(2);
  expect(twin.output).toMatch(/"level":"fatal".*is a copy of the directory of b\.0, or was restored from a backup/);
  expect(await group.promulgate("second")).toEqual({ kind: "stored" });
  expect(await group.health("b")).toMatchObject({ votes: true, member: "b.0" });
  expect(readdirSync(copy)).not.toContain("lost-0");
  group.stations.pop();
});

it("L15 a directory that is put back in the place of a lost one is adopted: it joins as a new incarnation", async () => {
  const b = group.station("b");
  await b.end("SIGTERM");
  const copy = group.copy("b");
  group.wipe("b");
  await group.promulgate("second");
  expect(() => b.perform("adopt")).toThrow(/holds no identity/);
  b.start({ "--state-dir": copy });
  expect(await b.end()).toBe(2);
  expect(b.perform("adopt", { "--state-dir": copy })).toMatch(
    /^b\.[0-9a-f]{8} joins in the place of b\.0, whose votes are void$/,
  );
  b.start({ "--state-dir": copy });
  const health = await group.healthy("b", votes);
  expect(health["member"]).not.toBe("b.0");
  expect(readdirSync(copy)).toContain("lost-0");
  expect(await group.history()).toEqual(["first", "second"]);
});
