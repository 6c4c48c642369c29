import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import { StationGroup, until } from "./station-group.ts";

const HALONCTL = fileURLToPath(new URL("../../packages/halonctl/bin/halonctl.mjs", import.meta.url));
const NODES = ["a", "b", "c"];

let group: StationGroup;
/** By node. */
let addresses: Record<string, string>;
beforeEach(async () => {
  group = await StationGroup.found(...NODES);
  for (const station of group.stations) station.start({ "--api-address": "127.0.0.1:0" });
  await group.leader();
  addresses = {};
  for (const node of NODES) {
    const { api } = await group.healthy(node, (health) => typeof health["api"] === "string");
    addresses[node] = api as string;
  }
});
afterEach(() => group?.stop());

/** Runs the program to its end, as somebody at a shell with `HALON_API` would. */
async function halonctl(nodes: readonly string[], ...args: readonly string[]) {
  const HALON_API = nodes.map((node) => addresses[node]).join(",");
  const child = spawn(process.execPath, [HALONCTL, ...args], {
    env: { ...process.env, HALON_API },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, out, err };
}

it("any station answers, and what is submitted to it is in the queue of all", async () => {
  const leader = await group.leader();
  for (const node of NODES) {
    const status = await halonctl([node], "--json", "status");
    expect([status.code, status.err]).toEqual([0, ""]);
    expect(JSON.parse(status.out)).toMatchObject({
      ...{ cluster: "acceptance", clusterId: group.clusterId, station: node, leader, members: NODES },
      ...{ epoch: 0, coordinator: "", nodes: [] },
    });
    const submitted = await halonctl([node], "events", "submit", "test.happened", "--payload", `through ${node}`);
    expect(submitted).toEqual({ code: 0, out: "Stored: it reaches the coordinator, whatever dies.\n", err: "" });
  }
  const { applied } = await group.healthy(leader, () => true);
  for (const node of NODES)
    expect(await group.events(node, applied as number)).toEqual(NODES.map((each) => `through ${each}`));
});

it("a specification is refused with all its mistakes, or stored whole", async () => {
  const file = join(group.dir, "cluster.yaml");
  writeFileSync(file, "services:\n  web:\n    command: node\n    instnces: 2\n");
  const refused = await halonctl(NODES, "apply", "-f", file);
  expect([refused.code, refused.out]).toEqual([1, ""]);
  expect(refused.err.split("\n")).toEqual([
    expect.stringContaining(`${file}:3:5 services.web.command: `),
    expect.stringContaining(`${file}:4:5 services.web.instnces: `),
    "halonctl: nothing was changed",
    "",
  ]);
  expect(await group.events("a", 0)).toEqual([]);

  writeFileSync(file, "services:\n  web:\n    command: [node]\n    instances: 2\n");
  const stored = await halonctl(NODES, "apply", "-f", file);
  expect([stored.code, stored.err]).toEqual([0, ""]);
  expect(stored.out).toMatch(/^Stored the specification of 1 service\. No coordinator has dealt with it yet/);
});

it("the leader killed, the others answer; without a majority nothing is claimed, and what was submitted is stored later", async () => {
  const leader = await group.leader();
  const others = NODES.filter((node) => node !== leader);
  await group.station(leader).end("SIGKILL");
  const submitted = await halonctl([leader, ...others], "events", "submit", "test.happened", "--payload", "first");
  expect(submitted).toMatchObject({ code: 0, err: "" });

  const [gone = "", last = ""] = others;
  await group.station(gone).end("SIGKILL");
  await group.healthy(last, (health) => health["leader"] === undefined);
  const unknown = await halonctl([last], "--timeout", "2", "events", "submit", "test.happened", "--payload", "second");
  expect([unknown.code, unknown.out]).toEqual([1, ""]);
  expect(unknown.err).toMatch(/^halonctl: no majority of the stations has answered in time\. The event may be stored/);
  const status = await halonctl([leader, gone, last], "status");
  expect([status.code, status.out]).toEqual([0, expect.stringMatching(/leader +none: nothing is decided/)]);

  group.station(leader).start({ "--api-address": "127.0.0.1:0" });
  await group.leader();
  await until(
    async () => (await group.events(last, 0)).length === 2,
    () => group.describe(`${last} has not stored the second event`),
  );
  expect((await group.events(last, 0)).toSorted()).toEqual(["first", "second"]);
});

it("no station, no answer: exit code 3 says so", async () => {
  for (const station of group.stations) await station.end("SIGTERM");
  const { code, out, err } = await halonctl(NODES, "status");
  expect([code, out]).toEqual([3, ""]);
  for (const address of Object.values(addresses)) expect(err).toContain(address);
});
