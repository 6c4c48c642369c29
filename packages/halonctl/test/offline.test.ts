import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openJournalFile } from "@halon/journal-file";
import { readIdentity } from "@halon/station-replica";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { run } from "../src/index.ts";
import { Directories, until } from "./directories.ts";

let root: string;
let stations: Directories;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "halonctl-"));
  stations = new Directories(root);
});
afterEach(async () => {
  await stations.stopAll();
  rmSync(root, { recursive: true, force: true });
});

interface Done {
  readonly code: number;
  /** All it said, with what differs from run to run taken out. */
  readonly text: string;
  readonly json: () => Record<string, unknown>;
}

async function halonctl(...args: readonly string[]): Promise<Done> {
  let text = "";
  const sink = {
    write: (more: string) => {
      text += more;
    },
  };
  const code = await run(args, { out: sink, err: sink, env: {}, read: () => Promise.reject(new Error("no files")) });
  const plain = text
    .replaceAll(root, "ROOT")
    .replaceAll(/\.[0-9a-f]{8}\b/g, ".INCARNATION")
    .replaceAll(/\b[0-9a-f]{32}\b/g, "GROUP");
  return { code, text: plain, json: () => JSON.parse(text) as Record<string, unknown> };
}

const dirs = (...names: readonly string[]): string[] => names.flatMap((name) => ["--dir", stations.dir(name)]);
const range = (count: number, prefix = "t"): string[] =>
  Array.from({ length: count }, (_, at) => `${prefix}${(at + 1).toString().padStart(3, "0")}`);

/** Three that agree on so many texts, and then stop. */
async function group(...texts: readonly string[]): Promise<void> {
  await stations.found("a", "b", "c");
  await stations.append(...texts);
  await stations.stopAll();
}

const segmentOf = (name: string): string => {
  const dir = join(stations.dir(name), "journal");
  return join(dir, readdirSync(dir).find((each) => each.endsWith(".journal")) ?? "");
};

function flipBit(name: string): void {
  const bytes = readFileSync(segmentOf(name));
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
  writeFileSync(segmentOf(name), bytes);
}

describe("halonctl log", () => {
  const numberless = (text: string): string => text.replaceAll(/\d+/g, "N").replaceAll(/ {2,}/g, "  ");

  it("says what is in a journal, of a station or alone, and that it is whole", async () => {
    await group("one");
    const inspected = await halonctl("log", "inspect", ...dirs("a"));
    expect(inspected.code).toBe(0);
    expect(numberless(inspected.text)).toMatchInlineSnapshot(`
      "journal  ROOT/a/journal
      belongs to  halon/NcNffee/a.N
      records  N … N
      bytes  N in N segment, reserve N
      known durable  up to N
      vote  good

      SEGMENT  RECORDS  BYTES
      N.journal  N … N  N
      "
    `);
    const alone = await halonctl("log", "inspect", "--dir", join(stations.dir("a"), "journal"));
    expect(alone.text).toBe(inspected.text);
    const verified = await halonctl("log", "verify", ...dirs("a"));
    expect([verified.code, numberless(verified.text)]).toEqual([0, "Intact: N records, N bytes.\n"]);
    expect((await halonctl("log", "repair", "--yes", ...dirs("a"))).text).toBe(
      "Nothing is wrong, nothing was changed.\n",
    );
    expect((await halonctl("--json", "log", "verify", ...dirs("a"))).json()).toMatchObject({ isIntact: true });
  });

  it("L14 a flipped bit: names it, says that the vote is void, repairs only with --yes, and keeps a copy", async () => {
    await group(...range(20));
    flipBit("a");
    const before = readFileSync(segmentOf("a"));
    const verified = await halonctl("log", "verify", ...dirs("a"));
    expect(verified.code).toBe(1);
    expect(verified.text).toContain("The vote of this station is VOID, repaired or not");
    const planned = await halonctl("log", "repair", ...dirs("a"));
    expect(planned.code).toBe(1);
    expect(planned.text).toMatch(/With --yes, in this order:\n {2}1\. copy all of it to ROOT\/a\/journal\.copy-1\n/);
    expect(planned.text).toMatch(/Nothing was changed\.\n$/);
    expect(readFileSync(segmentOf("a")).equals(before)).toBe(true);
    expect(existsSync(join(stations.dir("a"), "journal.copy-1"))).toBe(false);

    const done = await halonctl("log", "repair", "--yes", ...dirs("a"));
    expect(done.code).toBe(0);
    expect(done.text).toMatch(/^FINDING +FILE +OFFSET +RECORD +WHAT\ndamaged +0+1\.journal +\d+ +/);
    expect(done.text).toMatch(
      /\nDone:\n {2}1\. copy all of it .*\n {2}2\. mark it as failed: no station opens it again .*\n {2}3\. cut \d+ bytes off .*\nThe vote of this station is VOID/,
    );
    const copy = join(stations.dir("a"), "journal.copy-1");
    const [name = ""] = readdirSync(copy).filter((each) => each.endsWith(".journal"));
    expect(readFileSync(join(copy, name)).equals(before)).toBe(true);
    const inspected = await halonctl("log", "inspect", ...dirs("a"));
    expect(inspected.text).toMatch(/^vote {11}void for good: repaired: /m);
    // Its station does not vote with it, and a recovery does not count it.
    await expect(stations.start("a")).rejects.toThrow(/lost/);
    const refused = await halonctl("station", "recover", ...dirs("a", "b"), "--into", join(root, "n"), "--node", "n");
    expect([refused.code, refused.text]).toEqual([1, expect.stringMatching(/^halonctl: .*: leave ROOT\/a out/)]);
    // What is left of it can be read.
    const query = await halonctl("--json", "station", "query", ...dirs("a"));
    expect(query.json()["decided"]).toBeGreaterThan(2);
  });

  it("a directory in use, one that is none, and a missing flag are refused", async () => {
    await stations.found("a");
    await stations.append("one");
    const inUse = /^halonctl: ROOT\/a\/journal is in use by process \d+: stop that first/;
    for (const args of [
      ["log", "inspect"],
      ["log", "verify"],
      ["log", "repair", "--yes"],
      ["station", "query"],
      ["station", "sync"],
    ])
      expect(await halonctl(...args, ...dirs("a"))).toMatchObject({ code: 1, text: expect.stringMatching(inUse) });
    const recover = ["station", "recover", "--into", join(root, "n"), "--node", "n", "--yes"];
    expect(await halonctl(...recover, ...dirs("a"))).toMatchObject({ code: 1, text: expect.stringMatching(inUse) });
    expect(existsSync(join(root, "n"))).toBe(false);
    expect((await halonctl("log", "verify", "--dir", root)).text).toBe(
      "halonctl: there is no journal in ROOT: name the directory that holds its segments\n",
    );
    expect((await halonctl("log", "verify")).code).toBe(2);
  });
});

describe("halonctl station query", () => {
  it("P5 lists decided decrees in order, and what each directory tells", async () => {
    await group("one", "two", "three", "four");
    const { code, text } = await halonctl("station", "query", ...dirs("a", "b"));
    expect(code).toBe(0);
    expect(text).toMatch(
      /^ROOT\/a: a\.0: legislature 1 behind 0, chosen \d+, accepted \d+, promised \d+\.\w\.0\nROOT\/b: /,
    );
    expect(text).toMatch(/DECREE {2}LEGISLATURE {2}BYTES {2}COMMANDS\n1 +1 +\d+ +\w+\n2 +1 /);
    const two = (
      await halonctl("--json", "station", "query", ...dirs("a", "b", "c"), "--from", "2", "--limit", "1")
    ).json();
    expect(two).toMatchObject({ decrees: [{ number: 2, legislature: 1 }], next: 3 });
  });

  it("refuses strangers, copies and doubles by name", async () => {
    await group("one");
    stations.move("a", "moved");
    expect((await halonctl("station", "query", ...dirs("a", "moved"))).text).toBe(
      "halonctl: ROOT/moved and ROOT/a both belong to a.0: one of them is a copy. Name only the one with which the station ran last\n",
    );
    expect((await halonctl("station", "query", ...dirs("a", "a"))).text).toBe("halonctl: ROOT/a is named twice\n");
    const journal = await openJournalFile({ dir: join(root, "x"), identity: "halon/other/x.0", mode: "create" });
    await journal.close();
    expect((await halonctl("station", "query", ...dirs("a", "x"))).text).toMatch(
      /^halonctl: ROOT\/x belongs to the group halon \(other\), and ROOT\/a to halon \(00c0ffee\)/,
    );
  });
});

describe("halonctl station sync", () => {
  it("P5 brings one that was off up to the others, with --yes only, and is done with it", async () => {
    await stations.found("a", "b", "c");
    await stations.append("first");
    await stations.stop("c");
    await stations.append(...range(10));
    await stations.stopAll();
    const planned = await halonctl("station", "sync", ...dirs("a", "b", "c"));
    expect([planned.code, planned.text]).toEqual([
      0,
      expect.stringMatching(/Nothing was changed: say --yes to do it\.\n$/),
    ]);
    const again = await halonctl("station", "sync", ...dirs("a", "b", "c"));
    expect(again.text).toBe(planned.text);
    const done = await halonctl("station", "sync", "--yes", ...dirs("a", "b", "c"));
    expect([done.code, done.text]).toEqual([0, expect.stringMatching(/Done: \d+ decrees written, durably\.\n$/)]);
    const nothing = await halonctl("station", "sync", "--yes", ...dirs("a", "b", "c"));
    expect([nothing.code, nothing.text]).toEqual([0, expect.stringMatching(/\nNothing to do\.\n$/)]);
    const known = (nothing.text.match(/c\.0 +\d+/g) ?? []).join();
    expect(known).toMatch(/c\.0 +1\d/);
    for (const name of ["a", "b", "c"]) await stations.start(name);
    await stations.append("last");
    expect(await stations.texts("c")).toEqual(["first", "last", ...range(10)]);
  });
});

describe("halonctl station recover", () => {
  const recover = (names: readonly string[], ...flags: readonly string[]): Promise<Done> =>
    halonctl("station", "recover", ...dirs(...names), "--into", stations.dir("n"), "--node", "n", ...flags);

  it("L9 says what it finds and would do, and does it with --yes; the old group is fenced, the new one has it all", async () => {
    await group(...range(20));
    const planned = await recover(["a", "b"]);
    expect(planned.code).toBe(0);
    const steady = planned.text.replaceAll(/state of [ab]|, (?:none|\d+|\d+ … \d+) from the journals/g, (what) =>
      what.startsWith("s") ? "state of X" : "",
    );
    expect(steady.replaceAll(/\d+/g, "N").replaceAll(/ {2,}/g, "  ")).toMatchInlineSnapshot(`
      "DIRECTORY  MEMBER  VOTES  KNOWS UP TO  APPLIED  FENCED
      ROOT/a  a.N  yes  N  up to N  no
      ROOT/b  b.N  yes  N  up to N  no

      group  halon (NcNffee), legislature N: a.N, b.N, c.N
      present  a.N, b.N: N of N, N needed
      missing  c.N
      known decided  up to decree N
      kept  up to decree N: N … N in the applied state of X.N
      lost  nothing that was ever acknowledged

      With --yes, in this order:
        N. end the old group for good: a promise above all others is written to ROOT/a/journal, ROOT/b/journal
        N. write ROOT/n: the first member of a new group, n, with all of the above
      Nothing was changed.
      "
    `);
    expect(existsSync(stations.dir("n"))).toBe(false);
    // As on another machine.
    stations.move("b", "moved");
    rmSync(stations.dir("b"), { recursive: true });
    const done = await recover(["a", "moved"], "--yes");
    expect([done.code, done.text]).toEqual([
      0,
      expect.stringMatching(
        /^Copies: ROOT\/moved\. .*: make sure that no station ever runs with the originals\.\n\nDone\. ROOT\/n is the directory of n\.INCARNATION/m,
      ),
    ]);
    const { incarnation, clusterId } = readIdentity(stations.dir("n"), { cluster: "halon", name: "n" });
    expect([incarnation, clusterId]).toEqual([
      expect.stringMatching(/^[0-9a-f]{8}$/),
      expect.stringMatching(/^[0-9a-f]{32}$/),
    ]);

    await stations.start("n");
    await stations.append("zzz");
    expect(await stations.texts("n")).toEqual([...range(20), "zzz"]);
    await stations.stopAll();
    // Those that were fenced and the one that was not, together: nothing comes of it.
    const fenced = await stations.start("a");
    await stations.start("c");
    await until(() => fenced.status.phase === "serving", "a has read its journal");
    const outcome = await Promise.race([
      stations.append("never").then(() => "decided"),
      new Promise((done) => setTimeout(() => done("nothing"), 1_500)),
    ]);
    expect(outcome).toBe("nothing");
    expect(fenced.status.ballot).toBe(`${2 ** 52}.-`);
  });

  it("L9 refuses less than half of the members, and names what may be lost; with --accept-loss the rest is kept", async () => {
    await stations.found("a", "b", "c");
    await stations.append(...range(5));
    await stations.stop("a");
    await stations.append("later");
    await stations.stopAll();
    const refused = await recover(["a"], "--yes");
    expect(refused.code).toBe(1);
    expect(
      refused.text.slice(refused.text.indexOf("halonctl:")).replaceAll(/decree \d+|Decrees? [\d …]+/g, "decree N"),
    ).toMatch(
      /^halonctl: refused: 1 of the 3 members of legislature 1 are here \(a\.0\), and 2 are needed\. Everything acknowledged above decree N that only b\.0, c\.0 held may be lost\..* Add the directory of one of them; without it, make sure that they never run again: among themselves they can still decide\. To go on all the same, say --accept-loss\n$/,
    );
    expect(existsSync(stations.dir("n"))).toBe(false);
    const json = (
      await halonctl(
        "--json",
        "station",
        "recover",
        ...dirs("a"),
        "--into",
        stations.dir("n"),
        "--node",
        "n",
        "--accept-loss",
      )
    ).json();
    expect(json).toMatchObject({
      complete: false,
      done: false,
      loss: expect.stringMatching(/may be lost/),
      missing: ["b.0", "c.0"],
    });
    const done = await recover(["a"], "--accept-loss", "--yes");
    expect([done.code, done.text]).toEqual([0, expect.stringMatching(/Loss was accepted\. 1 of the 3/)]);
    await stations.start("n");
    await stations.append("new");
    expect(await stations.texts("n")).toEqual(["new", ...range(5)]);
  });

  it("L9 fences first: when nothing else can be written the old group has ended, and it can be done again", async () => {
    await group(...range(3));
    writeFileSync(join(root, "file"), "");
    const into = join(root, "file", "n");
    const failed = await halonctl("station", "recover", ...dirs("a", "b"), "--into", into, "--node", "n", "--yes");
    expect([failed.code, failed.text]).toEqual([1, expect.stringMatching(/^halonctl: ENOTDIR/m)]);
    const fenced = await halonctl("station", "query", ...dirs("a", "b"));
    expect(fenced.text.match(/FENCED by a recovery$/gm)).toHaveLength(2);
    expect((await recover(["a", "b"], "--yes")).code).toBe(0);
    await stations.start("n");
    expect(await stations.texts("n")).toEqual(range(3));
  });

  it("L9 cut short, it is done again; done, it is refused", async () => {
    await group(...range(3));
    mkdirSync(join(stations.dir("n"), "journal"), { recursive: true });
    writeFileSync(join(stations.dir("n"), "journal", "0000000000000001.journal"), "half");
    expect(await recover(["a", "b"], "--yes")).toMatchObject({
      code: 1,
      text: expect.stringMatching(/is not empty \(journal\)/),
    });
    writeFileSync(join(stations.dir("n"), "recovery-unfinished"), "");
    expect((await recover(["a", "b"], "--yes")).code).toBe(0);
    expect(readdirSync(stations.dir("n")).sort()).toEqual(["identity.json", "journal", "store"]);
    expect((await recover(["a", "b"], "--yes")).text).toMatch(/start its station instead of recovering again/);
    const elsewhere = await halonctl("station", "recover", ...dirs("a", "b"), "--into", join(root, "m"), "--node", "m");
    expect(elsewhere.text).toMatch(/An earlier recovery has ended this group already\./);
    await stations.start("n");
    expect(await stations.texts("n")).toEqual(range(3));
  });

  it("L9 of trimmed journals: the applied state that is furthest is taken; without it, refused on the gap", async () => {
    await stations.found("a", "b", "c");
    await stations.append("first");
    await stations.stopAll();
    const small = 20_000;
    for (const name of ["a", "b", "c"]) await stations.start(name, small);
    const long = range(60).map((text) => text + "x".repeat(1_000));
    await stations.append(...long);
    await stations.stopAll();
    const plan = (
      await halonctl("--json", "station", "recover", ...dirs("a", "b"), "--into", stations.dir("n"), "--node", "n")
    ).json();
    expect(plan["from"]).toBeGreaterThan(0);
    stations.move("a", "a2");
    stations.move("b", "b2");
    for (const name of ["a2", "b2"]) rmSync(join(stations.dir(name), "store"), { recursive: true });
    expect(await recover(["a2", "b2"], "--yes")).toMatchObject({
      code: 1,
      text: expect.stringMatching(
        /^halonctl: decree 1 is missing, though all up to \d+ were decided, as .* with its applied state/,
      ),
    });
    expect(existsSync(stations.dir("n"))).toBe(false);
    // A damaged state is not taken for a good one.
    const damaged = String(plan["state"]).slice(0, 1);
    const data = join(stations.dir(damaged), "store", "data.mdb");
    const bytes = readFileSync(data);
    for (let at = bytes.indexOf("x".repeat(900)); at > 0; at = bytes.indexOf("x".repeat(900), at))
      bytes.write("y", at + 50);
    writeFileSync(data, bytes);
    const done = await recover(["a", "b"], "--yes");
    expect([done.code, done.text]).toEqual([
      0,
      expect.stringMatching(`ROOT/${damaged} .* not usable: it is damaged: its digest is not that of its entries`),
    ]);
    await stations.start("n");
    expect(await stations.texts("n")).toEqual(["first", ...long]);
  });
});
