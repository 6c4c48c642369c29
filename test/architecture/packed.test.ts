import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { root } from "./repository.ts";

interface Manifest {
  readonly private?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Folder of each package that other projects can take, and the npm packages that it brings. */
const packed = JSON.parse(readFileSync(join(root, ".bin/packed.json"), "utf8")) as Readonly<
  Record<string, readonly string[]>
>;
/** Taken by others for the log alone: what these bring, everybody gets. */
const CONSENSUS = ["consensus", "paxos", "replicated-log", "replicator", "runtime", "journal-file"];

describe("what other projects can take", () => {
  it.each(Object.keys(packed))("%s: is not private, and depends on its like and on what it may bring", (name) => {
    const folder = name === "proto" ? name : `packages/${name}`;
    const manifest = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) as Manifest;
    expect(manifest.private).toBeUndefined();
    const likes = Object.keys(packed).map((each) => `@halon/${each}`);
    const strangers = Object.keys(manifest.dependencies ?? {}).filter(
      (each) => !likes.includes(each) && !packed[name]?.includes(each),
    );
    expect(strangers, "no broker, no gRPC, no service of Halon").toEqual([]);
  });

  it("brings protobufjs, and lmdb to who takes that store; the consensus packages need nothing but each other", () => {
    expect(new Set(Object.values(packed).flat())).toEqual(new Set(["protobufjs", "lmdb"]));
    for (const name of CONSENSUS) {
      expect(packed[name]?.filter((each) => each !== "protobufjs")).toEqual([]);
      const manifest = readFileSync(join(root, `packages/${name}/package.json`), "utf8");
      const { dependencies = {} } = JSON.parse(manifest) as Manifest;
      const halon = Object.keys(dependencies).filter((each) => each.startsWith("@halon/"));
      expect(halon.filter((each) => !CONSENSUS.includes(each.replace("@halon/", "")))).toEqual([]);
    }
  });
});

describe("packing", () => {
  let folder: string;
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const pack = (...args: readonly string[]): { readonly status: number | null; readonly stderr: string } => {
    const { status, stderr } = spawnSync(process.execPath, [join(folder, ".bin/pack.mjs"), ...args], {
      encoding: "utf8",
    });
    return { status, stderr };
  };
  const exports = {
    ".": { "@halon/source": "./src/index.ts", types: "./dist/index.d.ts", default: "./dist/index.js" },
  };
  const files = ["dist", "src", "README.md", "LICENSE"];
  const sound = { name: "@halon/a", version: "0.1.0", license: "Apache-2.0", type: "module", exports, files };
  const manifest = (more: object = {}): void => write("packages/a/package.json", JSON.stringify({ ...sound, ...more }));

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "halon-packing-"));
    cpSync(join(root, ".bin/pack.mjs"), join(folder, ".bin/pack.mjs"));
    write(".bin/packed.json", '{ "a": [] }');
    write("LICENSE", "as is");
    write("packages/a/README.md", "# a");
    for (const path of ["src/index.ts", "dist/index.js", "dist/index.d.ts"])
      write(`packages/a/${path}`, "export const a = 1;");
    manifest();
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("makes the same bytes of the same sources, wherever, and leaves out what was built of others", () => {
    const hashes = (into: string): readonly string[] =>
      readdirSync(into).map((file) =>
        createHash("sha256")
          .update(readFileSync(join(into, file)))
          .digest("hex"),
      );
    expect(pack(join(folder, "one"))).toEqual({ status: 0, stderr: "" });
    write("packages/a/dist/gone.js", 'import "nats";');
    manifest({ scripts: { build: "tsc" }, devDependencies: { vitest: "1.0.0" } });
    expect(pack(join(folder, "two"))).toEqual({ status: 0, stderr: "" });
    expect(hashes(join(folder, "two"))).toEqual(hashes(join(folder, "one")));
    expect(readdirSync(join(folder, "one"))).toEqual(["halon-a-0.1.0.tgz"]);
  });

  it.each<readonly [what: string, plant: () => void, fault: RegExp]>([
    ["a README", () => rmSync(join(folder, "packages/a/README.md")), /README\.md is missing/],
    ["its entry", () => rmSync(join(folder, "packages/a/dist/index.js")), /dist\/index\.js is missing/],
    ["its types", () => rmSync(join(folder, "packages/a/dist/index.d.ts")), /dist\/index\.js has no types beside it/],
    ["generated code", () => write(".bin/packed.json", '{ "a": ["protobufjs"] }'), /its protobuf is not generated/],
    ["a publishable manifest", () => manifest({ private: true }), /it is private/],
    [
      "a dependency that may be",
      () => manifest({ dependencies: { nats: "2.29.3" } }),
      /depends on nats, which is neither/,
    ],
    [
      "a dependency that is named",
      () => write("packages/a/dist/index.js", 'export * from "nats";'),
      /imports nats, on which/,
    ],
    ["its tests at home", () => write("packages/a/src/a.test.ts", ""), /src\/a\.test\.ts is a test/],
  ])("is refused without %s", (_what, plant, fault) => {
    plant();
    expect(pack(join(folder, "out")).stderr.trim()).toMatch(fault);
  });

  it("refuses a flag", () => {
    expect(pack("--all")).toEqual({ status: 2, stderr: "usage: npm run pack [-- DIRECTORY]\n" });
  });
});
