import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkStore } from "../src/check-store.ts";
import { found } from "../src/founding.ts";
import { type Expected, IdentityError, readIdentity } from "../src/identity.ts";
import { type Data, openData } from "../src/open-data.ts";

const IDENTITY = { cluster: "c", clusterId: "id1", member: "a", members: ["a", "b", "c"] };
const EXPECTED: Expected = { cluster: "c", member: "a" };

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "halon-data-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** The message of a refusal, with the directory's name taken out. */
const said = (message: string): string => message.replaceAll(dir, "DIR");

async function refusalOf(act: () => unknown): Promise<string> {
  try {
    await act();
  } catch (error) {
    if (error instanceof IdentityError) return `${error.code}: ${said(error.message)}`;
    throw error;
  }
  return "none";
}

async function open(expected: Expected = EXPECTED, damage?: string): Promise<Data> {
  const data = await openData(dir, expected, () => Promise.resolve(damage));
  if (data.kind === "opened") {
    await data.store.close();
    await data.journal.close();
  }
  return data;
}

const why = async (expected?: Expected): Promise<string> => {
  const data = await open(expected);
  return data.kind === "opened" ? "opened" : `${data.kind}: ${said(data.why)}`;
};

describe("founding a member", () => {
  it("makes an identity and an empty journal, and nothing else", async () => {
    await found(dir, IDENTITY);
    expect(readdirSync(dir).sort()).toEqual(["identity.json", "journal"]);
    expect(readIdentity(dir, EXPECTED)).toEqual(IDENTITY);
    expect(await open()).toMatchObject({ kind: "opened", identity: IDENTITY, rebuilt: undefined });
  });

  it("is refused where there is anything, a second time above all", async () => {
    await found(dir, IDENTITY);
    expect(await refusalOf(() => found(dir, { ...IDENTITY, clusterId: "id2" }))).toMatchInlineSnapshot(
      `"exists: DIR is not empty (identity.json, journal): a group is founded once. To start over and lose all that is stored, remove the directories of all members"`,
    );
    expect(readIdentity(dir, EXPECTED).clusterId).toBe("id1");
  });

  it("goes on where an earlier attempt was cut short, and in the root of a fresh file system", async () => {
    mkdirSync(join(dir, "lost+found"));
    mkdirSync(join(dir, "journal"));
    writeFileSync(join(dir, "journal", "0000000000000001.journal"), "half of a header");
    expect(await refusalOf(() => found(dir, IDENTITY))).toMatch(/^exists/);
    writeFileSync(join(dir, "founding"), "");
    await found(dir, IDENTITY);
    expect(await why()).toBe("opened");
  });
});

describe("a data directory that must not be voted with", () => {
  it("is one that is empty or absent", async () => {
    expect(await why()).toMatchInlineSnapshot(
      `"lost: DIR holds no identity. If the group has never run, found it with "station-replica init" for all members. If it has, this directory was wiped or lost: this station does not vote with it, as it has forgotten its promises; the others go on while they are a majority. Restore the directory, or leave this station off"`,
    );
    rmSync(dir, { recursive: true });
    expect(await why()).toMatch(/^lost: DIR holds no identity/);
  });

  it("is one whose identity cannot be read", async () => {
    await found(dir, IDENTITY);
    writeFileSync(join(dir, "identity.json"), '{"format":1,"cluster":"c"}');
    expect(await why()).toMatchInlineSnapshot(
      `"lost: DIR/identity.json is damaged: clusterId: Invalid input: expected string, received undefined; member: Invalid input: expected string, received undefined; members: Invalid input: expected array, received undefined. This station does not vote with it; restore the directory"`,
    );
    writeFileSync(join(dir, "identity.json"), "not JSON");
    expect(await why()).toMatchInlineSnapshot(
      `"lost: DIR/identity.json is damaged: Invalid input: expected object, received undefined. This station does not vote with it; restore the directory"`,
    );
  });

  it.each([
    [{ cluster: "d", member: "a" }, "cluster c, and this is cluster d"],
    [{ cluster: "c", member: "b" }, "member a, and this is member b"],
    [
      { cluster: "c", member: "a", clusterId: "id2" },
      "the group with the id id1, and this is the group with the id id2",
    ],
  ])("is somebody else's: %o", async (expected, words) => {
    await found(dir, IDENTITY);
    expect(await why(expected)).toBe(`foreign: DIR belongs to ${words}: point it to its own directory`);
  });

  it("is one whose journal is gone, or another's", async () => {
    await found(dir, IDENTITY);
    const journal = join(dir, "journal");
    const [name = ""] = readdirSync(journal).filter((each) => each.endsWith(".journal"));
    const bytes = readFileSync(join(journal, name));
    bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
    writeFileSync(join(journal, name), bytes);
    expect(await why()).toMatch(
      /^lost: DIR\/journal\/.*\. So DIR has lost promises that this station made: it does not vote/,
    );
    rmSync(journal, { recursive: true });
    expect(await why()).toMatch(/^lost: DIR\/journal is absent or empty, .* it does not vote/);
  });
});

describe("the applied state", () => {
  it("is thrown away and made anew when it is found damaged", async () => {
    await found(dir, IDENTITY);
    await open();
    expect(await checkStore(dir, IDENTITY)).toEqual({ entries: 0 });
    expect(await open(EXPECTED, "it is no good")).toMatchObject({ kind: "opened", rebuilt: "it is no good" });
    writeFileSync(join(dir, "store", "data.mdb"), "this is something else, and long enough to be looked at");
    expect(await checkStore(dir, IDENTITY)).toMatchObject({ damage: expect.stringMatching(/not an LMDB file/) });
    expect(await open()).toMatchObject({ kind: "opened", rebuilt: expect.stringMatching(/not an LMDB file/) });
  });

  it("of another station is refused, and left alone", async () => {
    await found(dir, IDENTITY);
    await open();
    const moved = readFileSync(join(dir, "store", "data.mdb"));
    rmSync(dir, { recursive: true });
    await found(dir, { ...IDENTITY, clusterId: "id2" });
    mkdirSync(join(dir, "store"));
    writeFileSync(join(dir, "store", "data.mdb"), moved);
    expect(await why()).toMatch(/^foreign: DIR\/store belongs to c\/id1\/a, not to c\/id2\/a/);
    expect(readdirSync(join(dir, "store"))).toContain("data.mdb");
  });
});
