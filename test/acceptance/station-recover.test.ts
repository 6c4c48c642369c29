import { execFile } from "node:child_process";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, it } from "vitest";
import { type Health, StationGroup } from "./station-group.ts";

/** The built program, as operators have it. */
const HALONCTL = fileURLToPath(new URL("../../packages/halonctl/dist/main.js", import.meta.url));
const FENCED_BALLOT = `${2 ** 52}.-`;

let group: StationGroup;
afterEach(() => group?.stop());

const votes = (status: Health): boolean => status["votes"] === true && status["healthy"] === true;

function halonctl(...args: readonly string[]): Promise<{ readonly code: number; readonly text: string }> {
  return new Promise((done) =>
    execFile(process.execPath, [HALONCTL, ...args], (error, out, err) =>
      done({ code: error === null ? 0 : Number(error.code ?? -1), text: out + err }),
    ),
  );
}

/** Moves a station's directory to another machine: what is left is a copy that is elsewhere. */
function moved(node: string): string {
  const to = join(group.dir, "elsewhere", node);
  cpSync(join(group.dir, node), to, { recursive: true });
  rmSync(join(group.dir, node), { recursive: true });
  return to;
}

const killAll = (): Promise<unknown> =>
  Promise.all(group.stations.filter(({ isRunning }) => isRunning).map((station) => station.end("SIGKILL")));

const recover = (dirs: readonly string[], ...flags: readonly string[]): ReturnType<typeof halonctl> => {
  const named = dirs.flatMap((dir) => ["--dir", dir]);
  return halonctl("station", "recover", ...named, "--into", join(group.dir, "n"), "--node", "n", ...flags);
};

/** Starts the station that was recovered; resolves with where its API is. */
async function startRecovered(): Promise<string> {
  group.spare("n").start({ "--api-address": "127.0.0.1:0" });
  const { api } = await group.healthy("n", (status) => votes(status) && typeof status["api"] === "string");
  return String(api);
}

/** Gives it others that begin with nothing. */
async function grow(api: string, ...nodes: readonly string[]): Promise<void> {
  for (const node of nodes) {
    group.spare(node).start();
    const added = await halonctl("--address", api, "station", "add", node);
    expect(added.code, `${added.text}\n${group.describe("")}`).toBe(0);
    await group.healthy(node, votes);
  }
}

async function load(count: number): Promise<readonly string[]> {
  const texts = Array.from({ length: count }, (_, at) => `event-${at}`);
  for (let at = 0; at < count; at += 50) {
    const outcomes = await Promise.all(texts.slice(at, at + 50).map((text) => group.promulgate(text)));
    expect(outcomes.every(({ kind }) => kind === "stored")).toBe(true);
  }
  return texts;
}

it("L8 directories moved to other nodes and recovered there: nothing lost", async () => {
  group = await StationGroup.found("a", "b", "c");
  group.startAll();
  const stored = await load(300);
  await killAll();
  const dirs = ["a", "b", "c"].map(moved);
  const done = await recover(dirs, "--yes");
  expect(done.code, done.text).toBe(0);
  const api = await startRecovered();
  expect((await group.promulgate("afterwards")).kind).toBe("stored");
  await grow(api, "p", "q");
  // They count: the first one may go now.
  await group.station("n").end("SIGKILL");
  expect((await group.promulgate("without it")).kind).toBe("stored");
  const history = await group.history();
  expect([...history].sort()).toEqual([...stored, "afterwards", "without it"].sort());
});

it("L9 killed under load, two of five lost for good: from the other three nothing acknowledged is lost, and the old group decides no more", async () => {
  group = await StationGroup.found("a", "b", "c", "d", "e");
  group.startAll();
  const before = await load(200);
  const running = group.load("under way");
  expect((await group.promulgate("amid the load")).kind).toBe("stored");
  await killAll();
  for (const node of ["a", "b"]) rmSync(join(group.dir, node), { recursive: true });
  const dirs = ["c", "d", "e"].map((node) => join(group.dir, node));

  const refused = await recover(dirs.slice(0, 2), "--yes");
  expect(refused.code, refused.text).toBe(1);
  expect(refused.text).toMatch(
    /refused: 2 of the 5 members of legislature 1 are here \(c\.0, d\.0\), and 3 are needed\./,
  );
  const planned = await recover(dirs);
  expect([planned.code, planned.text]).toEqual([
    0,
    expect.stringMatching(/^lost +nothing that was ever acknowledged$/m),
  ]);
  const done = await recover(dirs, "--yes");
  expect(done.code, done.text).toBe(0);

  await startRecovered();
  const stored = [...before, "amid the load", ...(await running.stop())];
  const history = await group.history();
  expect(new Set(history).size).toBe(history.length);
  expect(stored.filter((text) => !history.includes(text))).toEqual([]);
  // Somebody starts the old ones all the same.
  for (const node of ["c", "d", "e"]) group.station(node).start();
  for (const node of ["c", "d", "e"])
    expect(await group.healthy(node, ({ ballot }) => ballot === FENCED_BALLOT)).toMatchObject({ healthy: false });
  expect(await group.healthy("n", votes)).toMatchObject({ role: "leader" });
  expect((await group.promulgate("last")).kind).toBe("stored");
  for (const node of ["c", "d", "e"]) {
    const { role, healthy } = (await group.health(node)) ?? {};
    expect([node, role, healthy]).toEqual([node, "follower", false]);
  }
});
