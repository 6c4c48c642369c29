import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { StationGroup, type StationProcess } from "./station-group.ts";

const EVENTS = Array.from({ length: 20 }, (_, at) => `event-${at}`);

let group: StationGroup;
beforeEach(async () => {
  group = await StationGroup.found("a", "b", "c");
  group.startAll();
  await Promise.all(EVENTS.map((text) => group.promulgate(text)));
});
afterEach(() => group?.stop());

it("a directory of another member, cluster or group is refused by name", async () => {
  const station = group.station("a");
  await station.end("SIGTERM");
  const refusal = async (flags: Readonly<Record<string, string>>): Promise<string | undefined> => {
    station.output = "";
    station.start(flags);
    expect(await station.end()).toBe(2);
    return /"level":"fatal".*"msg":"(.*)"/.exec(station.output)?.[1]?.replace(station.dir, "DIR");
  };
  expect(await refusal({ "--node": "d" })).toBe(
    "DIR belongs to station a, and this is station d: point it to its own directory",
  );
  expect(await refusal({ "--cluster": "other" })).toBe(
    "DIR belongs to cluster acceptance, and this is cluster other: point it to its own directory",
  );
  expect(await refusal({ "--cluster-id": "X" })).toBe(
    `DIR belongs to the group with the id ${group.clusterId}, and this is the group with the id X: point it to its own directory`,
  );
});

it("a damaged applied state is rebuilt, under the same identity", async () => {
  const b = group.station("b");
  await b.end("SIGKILL");
  const data = join(b.dir, "store", "data.mdb");
  const bytes = readFileSync(data);
  bytes.fill(0xff, 8_192);
  writeFileSync(data, bytes);
  truncateSync(data, 12_288);
  b.start();
  expect(await group.promulgate("later")).toEqual({ kind: "stored" });
  expect(await group.healthy("b", ({ healthy }) => healthy === true)).toMatchObject({ member: "b.0" });
  expect(b.output).toMatch(/the applied state is rebuilt: /);
  expect([...(await group.history())].sort()).toEqual([...EVENTS, "later"].sort());
});

/** Newest segment, without its last bytes or with others in the middle. */
const newest = ({ segments }: StationProcess): string => segments.at(-1) ?? "";

it.each<[string, (station: StationProcess) => void, RegExp]>([
  [
    "a flipped bit",
    (station) => {
      const bytes = readFileSync(newest(station));
      const middle = bytes.length >> 1;
      bytes[middle] = (bytes[middle] as number) ^ 1;
      writeFileSync(newest(station), bytes);
    },
    /offset \d+: record \d+/,
  ],
  [
    "a truncated file",
    (station) => truncateSync(newest(station), statSync(newest(station)).size >> 1),
    /it was durable, but/,
  ],
  ["a missing file", (station) => rmSync(newest(station)), /missing|it was durable/],
  ["a missing journal", ({ dir }) => rmSync(join(dir, "journal"), { recursive: true }), /absent or empty/],
  ["an identity that cannot be read", ({ dir }) => writeFileSync(join(dir, "identity.json"), "{"), /is damaged/],
])(
  "L14 %s in one directory: that station says so and rejoins as a new incarnation, and nothing acknowledged is lost",
  async (_, damage, words) => {
    const leader = await group.leader();
    const station = group.station(leader);
    await station.end("SIGKILL");
    damage(station);
    station.start();
    const load = group.load("during");
    const health = await group.healthy(leader, (status) => status["healthy"] === true && status["votes"] === true);
    const stored = await load.stop();
    expect(health["member"]).not.toBe(`${leader}.0`);
    expect(/"msg":"(joins anew: .*?)"[,}]/.exec(station.output)?.[1]).toMatch(words);
    expect([...(await group.history())].sort()).toEqual([...EVENTS, ...stored].sort());
  },
);
