import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { StationGroup } from "./station-group.ts";

let group: StationGroup;
beforeEach(async () => {
  group = await StationGroup.found("a", "b", "c");
  group.startAll();
  await group.promulgate("first");
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
    "DIR belongs to member a, and this is member d: point it to its own directory",
  );
  expect(await refusal({ "--cluster": "other" })).toBe(
    "DIR belongs to cluster acceptance, and this is cluster other: point it to its own directory",
  );
  expect(await refusal({ "--cluster-id": "X" })).toBe(
    `DIR belongs to the group with the id ${group.clusterId}, and this is the group with the id X: point it to its own directory`,
  );
});

it("a journal that is gone or damaged: that station does not vote, and says so; a damaged applied state is rebuilt", async () => {
  const [a, b] = [group.station("a"), group.station("b")];
  await a.end("SIGKILL");
  rmSync(join(a.dir, "journal"), { recursive: true });
  a.start();
  expect(await group.healthy("a", (status) => status["phase"] === "ready")).toMatchObject({
    votes: false,
    why: expect.stringMatching(/journal is absent or empty, but .* it does not vote with it/),
  });
  // With a and then b down nothing goes on; b comes back whole, as its journal is.
  expect(await group.promulgate("second")).toEqual({ kind: "stored" });
  await b.end("SIGKILL");
  const data = join(b.dir, "store", "data.mdb");
  const bytes = readFileSync(data);
  bytes.fill(0xff, 8_192);
  writeFileSync(data, bytes);
  truncateSync(data, 12_288);
  b.start();
  expect(await group.promulgate("third")).toEqual({ kind: "stored" });
  expect(b.output).toMatch(/the applied state is rebuilt from the journal: /);
  const number = Number((await group.health(await group.leader()))?.["applied"]);
  expect(await group.events("b", number)).toEqual(["first", "second", "third"]);

  await b.end("SIGKILL");
  const segment = join(
    b.dir,
    "journal",
    readdirSync(join(b.dir, "journal")).find((name) => name.endsWith(".journal")) ?? "",
  );
  const journal = readFileSync(segment);
  journal[journal.length >> 1] = (journal[journal.length >> 1] as number) ^ 1;
  writeFileSync(segment, journal);
  b.start();
  const health = await group.healthy("b", (status) => status["phase"] === "ready");
  expect(health).toMatchObject({ healthy: false, votes: false, why: expect.stringMatching(/offset \d+: record \d+/) });
});
