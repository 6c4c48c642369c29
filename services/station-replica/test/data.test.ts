import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkStore } from "../src/check-store.ts";
import { found, renew, STORE_DIR } from "../src/founding.ts";
import {
  type Expected,
  formatIdentity,
  foundingIdentity,
  type Identity,
  IdentityError,
  readIdentity,
  writeIdentity,
} from "../src/identity.ts";
import { type Data, openData } from "../src/open-data.ts";

const GROUP = { cluster: "c", clusterId: "id1" };
const IDENTITY = foundingIdentity(GROUP, "a", ["a", "b", "c"]);
const OTHER = foundingIdentity({ ...GROUP, clusterId: "id2" }, "a", ["a", "b", "c"]);
const JOINER: Identity = { ...GROUP, name: "a", incarnation: "9f3a01bc", stage: "joining" };
const EXPECTED: Expected = { cluster: "c", name: "a" };

let base: string;
let dir: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "halon-data-"));
  dir = join(base, "data");
  mkdirSync(dir);
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

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
  const data = await openData(dir, expected, () => Promise.resolve(damage === undefined ? {} : { damage }));
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
    expect(IDENTITY.members).toEqual(["a.0", "b.0", "c.0"]);
    expect(await open()).toMatchObject({ kind: "opened", identity: IDENTITY, rebuilt: undefined });
  });

  it("is refused where there is anything, a second time above all", async () => {
    await found(dir, IDENTITY);
    expect(await refusalOf(() => found(dir, OTHER))).toMatchInlineSnapshot(
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
    expect(await why()).toMatchInlineSnapshot(`"lost: DIR holds no identity: it is new, or was wiped or lost"`);
    rmSync(dir, { recursive: true });
    expect(await why()).toMatch(/^lost: DIR holds no identity/);
  });

  it("is one whose identity cannot be read", async () => {
    await found(dir, IDENTITY);
    writeFileSync(join(dir, "identity.json"), '{"format":2,"cluster":"c"}');
    expect(await why()).toMatch(/^lost: DIR\/identity.json is damaged: clusterId: Invalid input: .*; name: Invalid/);
    writeFileSync(join(dir, "identity.json"), "not JSON");
    expect(await why()).toMatch(/^lost: DIR\/identity.json is damaged: Invalid input/);
  });

  it("is one of another format, which is left for the version that wrote it", async () => {
    await found(dir, IDENTITY);
    writeFileSync(join(dir, "identity.json"), '{"format":1,"cluster":"c","member":"a"}');
    expect(await why()).toMatchInlineSnapshot(
      `"foreign: DIR/identity.json has format 1, and this version reads 2: use the version that wrote it, or start anew with an empty directory"`,
    );
  });

  it.each([
    [{ cluster: "d", name: "a" }, "cluster c, and this is cluster d"],
    [{ cluster: "c", name: "b" }, "station a, and this is station b"],
    [{ cluster: "c", name: "a", clusterId: "id2" }, "the group with the id id1, and this is the group with the id id2"],
  ])("is somebody else's: %o", async (expected, words) => {
    await found(dir, IDENTITY);
    expect(await why(expected)).toBe(`foreign: DIR belongs to ${words}: point it to its own directory`);
  });

  it("is one whose journal is damaged or gone, or empty though it has voted", async () => {
    await found(dir, IDENTITY);
    const journal = join(dir, "journal");
    const [name = ""] = readdirSync(journal).filter((each) => each.endsWith(".journal"));
    const bytes = readFileSync(join(journal, name));
    bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
    writeFileSync(join(journal, name), bytes);
    expect(await why()).toMatch(/^lost: promises that this station made are lost: DIR\/journal\//);
    expect(await open()).toMatchObject({ before: IDENTITY });
    rmSync(journal, { recursive: true });
    expect(await why()).toMatch(/^lost: promises that this station made are lost: DIR\/journal is absent or empty/);
    await renew(dir, { ...JOINER, stage: "member" }, "0");
    expect(await why()).toMatch(/^lost: .*DIR holds an empty journal, and a.9f3a01bc has voted/);
  });
});

describe("L15 a copied directory", () => {
  it("is refused, wherever the copy is", async () => {
    await found(dir, IDENTITY);
    cpSync(dir, join(base, "copy"), { recursive: true });
    const copied = await openData(join(base, "copy"), EXPECTED, () => Promise.resolve({}));
    expect(copied).toMatchObject({
      kind: "foreign",
      why: expect.stringMatching(/is a copy of the directory of a.0, or/),
    });
    expect(await why()).toBe("opened");
  });

  it("is refused when it is restored in the place of the original", async () => {
    await found(dir, IDENTITY);
    cpSync(dir, join(base, "saved"), { recursive: true });
    rmSync(dir, { recursive: true });
    cpSync(join(base, "saved"), dir, { recursive: true });
    expect(await why()).toMatch(/^foreign: DIR is a copy/);
  });

  it("is refused when only its identity was written over", async () => {
    await found(dir, IDENTITY);
    const text = readFileSync(join(dir, "identity.json"));
    rmSync(join(dir, "identity.json"));
    writeFileSync(join(dir, "identity.json"), text);
    expect(await why()).toMatch(/^foreign: DIR is a copy/);
  });

  it("is not what a renamed one is, nor one whose identity was rewritten", async () => {
    await found(dir, IDENTITY);
    renameSync(dir, join(base, "renamed"));
    dir = join(base, "renamed");
    expect(await why()).toBe("opened");
    writeIdentity(dir, { ...IDENTITY, stage: "member", members: undefined });
    expect(readIdentity(dir, EXPECTED)).toEqual({ ...GROUP, name: "a", incarnation: "0", stage: "member" });
  });
});

describe("joining anew", () => {
  it("puts aside what is there, and keeps only the newest of that", async () => {
    await found(dir, IDENTITY);
    await open();
    await renew(dir, JOINER, "0");
    expect(readdirSync(dir).sort()).toEqual(["identity.json", "journal", "lost-0"]);
    expect(readdirSync(join(dir, "lost-0")).sort()).toEqual(["identity.json", "journal", "store"]);
    expect(await open()).toMatchObject({ kind: "opened", identity: JOINER });
    await renew(dir, { ...JOINER, incarnation: "2" }, JOINER.incarnation);
    expect(readdirSync(dir).sort()).toEqual(["identity.json", "journal", "lost-9f3a01bc"]);
    await renew(dir, { ...JOINER, incarnation: "3" }, undefined);
    expect(readdirSync(dir).sort()).toEqual(["identity.json", "journal", "lost-unknown"]);
  });

  it("leaves alone what is not a station's", async () => {
    writeFileSync(join(dir, "notes.txt"), "somebody's");
    await renew(dir, JOINER, undefined);
    expect(readdirSync(dir).sort()).toEqual(["identity.json", "journal", "notes.txt"]);
  });

  it("cut short at any step, keeps what it had put aside", async () => {
    await found(dir, IDENTITY);
    await open();
    // Journal and store are put aside, the identity is not yet.
    mkdirSync(join(dir, "lost-0"));
    renameSync(join(dir, "journal"), join(dir, "lost-0", "journal"));
    renameSync(join(dir, "store"), join(dir, "lost-0", "store"));
    const data = await open();
    expect(data).toMatchObject({ kind: "lost", before: IDENTITY });
    await renew(dir, JOINER, "0");
    expect(readdirSync(join(dir, "lost-0")).sort()).toEqual(["identity.json", "journal", "store"]);
    // The new journal is there, the new identity is not yet.
    rmSync(join(dir, "identity.json"));
    writeFileSync(join(dir, "founding"), "");
    expect(await open()).toMatchObject({ kind: "lost", before: undefined });
    await renew(dir, { ...JOINER, incarnation: "2" }, undefined);
    expect(readdirSync(join(dir, "lost-0")).sort()).toEqual(["identity.json", "journal", "store"]);
    expect(existsSync(join(dir, "founding"))).toBe(false);
    expect(await why()).toBe("opened");
  });
});

describe("the applied state", () => {
  it("is thrown away and made anew when it is found damaged", async () => {
    await found(dir, IDENTITY);
    await open();
    expect(await checkStore(join(dir, STORE_DIR), formatIdentity(IDENTITY), { withNotes: true })).toEqual({
      entries: 0,
      digest: "0000000000000000",
    });
    expect(await open(EXPECTED, "it is no good")).toMatchObject({ kind: "opened", rebuilt: "it is no good" });
    writeFileSync(join(dir, "store", "data.mdb"), "this is something else, and long enough to be looked at");
    expect(await checkStore(join(dir, STORE_DIR), formatIdentity(IDENTITY), { withNotes: true })).toMatchObject({
      damage: expect.stringMatching(/not an LMDB file/),
    });
    expect(await open()).toMatchObject({ kind: "opened", rebuilt: expect.stringMatching(/not an LMDB file/) });
  });

  it("of another station is refused, and left alone", async () => {
    await found(dir, IDENTITY);
    await open();
    const moved = readFileSync(join(dir, "store", "data.mdb"));
    rmSync(dir, { recursive: true });
    await found(dir, OTHER);
    mkdirSync(join(dir, "store"));
    writeFileSync(join(dir, "store", "data.mdb"), moved);
    expect(await why()).toMatch(/^foreign: DIR\/store belongs to c\/id1\/a.0, not to c\/id2\/a.0/);
    expect(readdirSync(join(dir, "store"))).toContain("data.mdb");
  });
});
