import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root, sourceFiles, workspaceFolders } from "./repository.ts";

interface Cruise {
  readonly modules: readonly { readonly source: string }[];
  readonly summary: {
    readonly violations: readonly {
      readonly from: string;
      readonly to: string;
      readonly rule: { readonly name: string };
    }[];
    readonly ruleSetUsed: { readonly forbidden: readonly { readonly name: string; readonly comment: string }[] };
  };
}

const CRUISE_BYTES_MAX = 256 * 1024 * 1024;

function cruise(cwd: string, folders: readonly string[]): Cruise {
  const program = join(root, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs");
  const options = ["--config", join(root, ".dependency-cruiser.cjs"), "--output-type", "json"];
  const output = execFileSync(process.execPath, [program, ...options, ...folders], {
    cwd,
    encoding: "utf8",
    maxBuffer: CRUISE_BYTES_MAX,
  });
  return JSON.parse(output) as Cruise;
}

describe("imports", () => {
  it("keep to the layers of the design", () => {
    const { modules, summary } = cruise(root, workspaceFolders);
    // A cruise that understands no TypeScript finds nothing, and nothing wrong.
    const cruised = new Set(modules.map(({ source }) => source));
    expect(sourceFiles.filter(({ path }) => !cruised.has(path)).map(({ path }) => path)).toEqual([]);
    expect(cruised.size).toBeGreaterThan(30);

    const why = new Map(summary.ruleSetUsed.forbidden.map(({ name, comment }) => [name, comment]));
    const broken = summary.violations.map(
      ({ from, to, rule }) => `${from} -> ${to}: ${why.get(rule.name)} (${rule.name})`,
    );
    expect(broken).toEqual([]);
  });
});

/** One violation of each rule, and beside it what looks like one and is none. A cycle is told of once. */
const planted: readonly (readonly [path: string, text: string, rules: readonly string[]])[] = [
  ["services/monitor/src/a.ts", 'import "../../node-agent/src/main.ts";', ["services-apart", "workspaces-by-name"]],
  ["services/monitor/src/b.ts", 'import "@halon/runtime"; import "@halon/service-kit";', []],
  ["services/monitor/src/c.ts", 'import "@halon/paxos";', ["paxos-once"]],
  ["services/station-replica/src/a.ts", 'import "@halon/paxos";', []],
  ["services/node-agent/src/main.ts", 'import "./gone.ts";', ["resolvable"]],
  ["packages/rules/src/a.ts", 'import "@halon/node-agent";', ["packages-below-services"]],
  ["packages/rules/src/b.ts", 'import "@halon/service-kit";', ["service-kit-in-services"]],
  ["packages/rules/src/c.ts", 'import "../../runtime/src/index.ts";', ["workspaces-by-name"]],
  ["packages/rules/src/d.ts", 'import "../test/a.test.ts";', ["sources-without-tests"]],
  ["packages/rules/src/e.ts", 'import "@halon/runtime/conformance";', ["conformance-in-tests"]],
  ["packages/rules/src/f.ts", 'import "nats"; import "lmdb";', ["lmdb-once", "nats-once"]],
  ["packages/rules/test/a.test.ts", 'import "@halon/paxos"; import "@halon/runtime/conformance";', []],
  ["packages/transport-nats/src/index.ts", 'import "nats"; import "@halon/runtime";', []],
  ["packages/store-lmdb/src/index.ts", 'import "lmdb"; import "@halon/runtime";', []],
  ["packages/consensus/src/index.ts", "export const a = 1;", []],
  ["packages/consensus/src/a.ts", 'import type { Stats } from "node:fs"; export type { Stats };', ["layer-consensus"]],
  ["packages/paxos/src/index.ts", 'import "@halon/consensus"; import "protobufjs/minimal.js";', []],
  ["packages/paxos/src/a.ts", 'import "@halon/runtime";', ["layer-paxos"]],
  ["packages/replicated-log/src/a.ts", 'import "@halon/paxos";', ["layer-replicated-log", "paxos-once"]],
  ["packages/replicated-log/src/b.ts", 'import "@halon/consensus"; import "protobufjs/minimal.js";', []],
  ["packages/resource-graph/src/a.ts", 'import "@halon/runtime"; import "immutable";', ["layer-resource-graph"]],
  ["packages/runtime/src/index.ts", 'import "node:fs";', []],
  ["packages/runtime/src/a.ts", 'import "immutable";', ["packed-alone", "runtime-alone"]],
  ["packages/replicator/src/a.ts", 'import "immutable";', ["packed-alone"]],
  ["packages/replicator/src/b.ts", 'import "@halon/transport-nats";', ["packed-alone"]],
  ["packages/replicator/src/c.ts", 'import "@halon/runtime"; import "protobufjs/minimal.js"; import "node:fs";', []],
  ["packages/runtime/src/one.ts", 'import type { B } from "./two.ts"; export type A = B;', ["no-cycles"]],
  ["packages/runtime/src/two.ts", 'import type { A } from "./one.ts"; export type B = A;', []],
  ["packages/runtime/src/conformance/index.ts", 'import "../index.ts";', []],
  ["packages/service-kit/src/index.ts", "export const a = 1;", []],
  ["test/acceptance/a.test.ts", 'import "@halon/paxos"; import "nats"; import "@halon/service-kit";', []],
];

describe("the import rules can fail", () => {
  const folder = mkdtempSync(join(tmpdir(), "halon-imports-"));
  let found: Cruise;

  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };

  beforeAll(() => {
    for (const [path, text] of planted) write(path, text);
    write("tsconfig.json", "{}");
    for (const name of ["nats", "lmdb", "immutable", "protobufjs"]) {
      write(`node_modules/${name}/package.json`, JSON.stringify({ name, main: "index.js" }));
      write(`node_modules/${name}/index.js`, "");
    }
    write("node_modules/protobufjs/minimal.js", "");
    const workspaces = new Set(planted.map(([path]) => path.split("/").slice(0, 2).join("/")));
    workspaces.delete("test/acceptance");
    mkdirSync(join(folder, "node_modules/@halon"));
    for (const workspace of workspaces) {
      const name = `@halon/${workspace.split("/")[1]}`;
      const entry = workspace.startsWith("services") ? "main" : "index";
      const exports = {
        ".": { "@halon/source": `./src/${entry}.ts`, default: `./dist/${entry}.js` },
        "./conformance": { "@halon/source": "./src/conformance/index.ts", default: "./dist/conformance/index.js" },
      };
      write(`${workspace}/package.json`, JSON.stringify({ name, version: "0.1.0", exports }));
      symlinkSync(join(folder, workspace), join(folder, "node_modules", name));
    }
    found = cruise(folder, ["packages", "services", "test"]);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(planted)("%s: %s", (path, _text, rules) => {
    const names = found.summary.violations.filter(({ from }) => from === path).map(({ rule }) => rule.name);
    expect(names.sort()).toEqual(rules);
  });

  it("one by one", () => {
    const tried = new Set(planted.flatMap(([, , rules]) => rules));
    expect(found.summary.ruleSetUsed.forbidden.map(({ name }) => name).filter((name) => !tried.has(name))).toEqual([]);
  });
});
