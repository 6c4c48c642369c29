import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import { StationGroup, type StationProcess, until } from "./station-group.ts";

const HALONCTL = fileURLToPath(new URL("../../packages/halonctl/bin/halonctl.mjs", import.meta.url));

let group: StationGroup;
let address = "";
afterEach(() => group?.stop());

interface Done {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The operator's command line, as it is installed. */
const halonctl = (...args: readonly string[]): Promise<Done> =>
  new Promise((resolve) =>
    execFile(process.execPath, [HALONCTL, "--address", address, "--timeout", "60", ...args], (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    ),
  );

const apiOf = (station: StationProcess): string | undefined => /the API listens at ([^"]+)"/.exec(station.output)?.[1];

/** Founded with these nodes; the first one's API is asked. */
async function found(...nodes: readonly string[]): Promise<void> {
  group = await StationGroup.found(...nodes);
  for (const station of group.stations)
    station.start(station.node === nodes[0] ? { "--api-address": "127.0.0.1:0" } : {});
  const [first] = group.stations;
  address = await until(
    () => first && apiOf(first),
    () => group.describe("no API"),
  );
  await group.leader();
}

const votesOf = async (): Promise<readonly string[]> => {
  const { out } = await halonctl("--json", "station", "list");
  const { stations } = JSON.parse(out) as { stations: readonly { node: string; votes: boolean }[] };
  return stations.filter(({ votes }) => votes).map(({ node }) => node);
};

const isVoting = (status: Readonly<Record<string, unknown>>): boolean =>
  status["votes"] === true && status["healthy"] === true;

beforeEach(() => {
  address = "";
});

it("L4 one station becomes three, then five, then three, then others, under load: nothing acknowledged is lost", async () => {
  await found("a");
  const load = group.load("load");
  for (const node of ["b", "c", "d", "e"]) {
    group.spare(node).start();
    const added = await halonctl("station", "add", node);
    expect(added).toMatchObject({ code: 0, out: expect.stringContaining(`${node} votes now`) });
    await group.healthy(node, isVoting);
  }
  expect(await votesOf()).toEqual(["a", "b", "c", "d", "e"]);
  for (const node of ["d", "e"]) {
    expect(await halonctl("station", "remove", node)).toMatchObject({ code: 0 });
    const removed = await group.healthy(node, ({ why }) => String(why).includes("is not a member"));
    expect(removed).toMatchObject({ votes: false, healthy: false, role: "learner" });
    await group.station(node).end("SIGTERM");
  }
  // One takes the place of one that is there no more.
  await group.station("c").end("SIGKILL");
  group.spare("f").start();
  const replaced = await halonctl("station", "replace", "c", "f");
  expect(replaced).toMatchObject({ code: 0, out: expect.stringContaining("a, b, f") });
  // The one that was replaced comes back: it has no vote.
  group.station("c").start();
  expect(await group.healthy("c", ({ why }) => String(why).includes("is not a member"))).toMatchObject({
    votes: false,
  });
  const stored = await load.stop();
  expect(stored.length).toBeGreaterThan(0);
  expect([...(await group.history())].sort()).toEqual([...stored].sort());
});

it("L4 what cannot be is refused with what to do: nobody heard, no quorum, the last one", async () => {
  await found("a", "b", "c");
  expect(await halonctl("station", "add", "d", "--wait", "0")).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^halonctl: d is not heard as a station that waits to be added: start it there/),
  });
  expect(await halonctl("station", "add", "b")).toMatchObject({
    code: 0,
    out: expect.stringMatching(/nothing to change/i),
  });
  const even = await halonctl("station", "remove", "c");
  expect(even).toMatchObject({ code: 0, err: expect.stringMatching(/two tolerate no failure/) });
  expect(await halonctl("station", "remove", "b")).toMatchObject({ code: 0 });
  expect(await halonctl("station", "remove", "a")).toMatchObject({
    code: 1,
    err: expect.stringMatching(/a\.0 is the only member/),
  });
  // Both follow: each can be added again, with the journal that it has.
  expect(await halonctl("station", "add", "b")).toMatchObject({ code: 0 });
  expect(await votesOf()).toEqual(["a", "b"]);
});
