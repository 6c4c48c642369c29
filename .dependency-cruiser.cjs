// Who may import whom: the design's table of layers, as rules. `test/architecture/imports.test.ts` runs them over the
// repository, and over one planted violation of each.

/** Matches the sources of a workspace, not its tests: those may import what they like. */
const sources = (name) => `^packages/${name}/src/`;
const anyTest = "^(test|proto/test|(packages|services)/[^/]+/test)/";
/** An npm package, installed or not. */
const npm = (name) => [`node_modules/${name}/`, `^${name}(/|$)`];
/** What a generated codec imports. */
const codec = ["protobufjs", "long"];

/** `name` may import only itself, the workspaces listed and the npm packages listed. */
const layer = (name, workspaces, libraries, comment) => ({
  name: `layer-${name}`,
  comment,
  severity: "error",
  from: { path: sources(name) },
  to: {
    pathNot: [sources(name), ...workspaces.map((other) => `^packages/${other}/`), ...libraries.flatMap(npm)],
  },
});

/** Only `importers` (and tests) may import `target`. */
const reserved = (name, target, importers, comment) => ({
  name,
  comment,
  severity: "error",
  from: { pathNot: [anyTest, ...importers] },
  to: { path: target },
});

/** What other projects can take, and the npm packages that it brings. */
const packed = require("./.bin/packed.json");
const packedSources = Object.keys(packed).map((name) => (name === "proto" ? "^proto/src/" : sources(name)));

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: "services-apart",
      comment: "Services meet only on NATS subjects: what two of them need belongs into a package.",
      severity: "error",
      from: { path: "^services/([^/]+)/" },
      to: { path: "^services/", pathNot: "^services/$1/" },
    },
    {
      name: "packages-below-services",
      comment: "A package never imports a service.",
      severity: "error",
      from: { path: "^(packages|proto)/", pathNot: anyTest },
      to: { path: "^services/" },
    },
    reserved(
      "nats-once",
      npm("nats"),
      ["^packages/transport-nats/"],
      "Only transport-nats imports `nats`: use the Transport port.",
    ),
    reserved(
      "lmdb-once",
      npm("lmdb"),
      ["^packages/store-lmdb/"],
      "Only store-lmdb imports `lmdb`: use the Store port.",
    ),
    reserved(
      "paxos-once",
      "^packages/paxos/",
      ["^packages/paxos/", "^packages/halonctl/src/offline/", "^services/station-replica/"],
      "Only station-replica names Paxos, and halonctl where it reads journals: use the Consensus interface, and have it passed in.",
    ),
    reserved(
      "service-kit-in-services",
      "^packages/service-kit/",
      ["^packages/service-kit/", "^services/"],
      "Only services import service-kit: a package takes what it needs as arguments.",
    ),
    reserved(
      "conformance-in-tests",
      "/src/conformance/",
      ["/src/conformance/"],
      "Conformance suites are imported by tests and by one another only.",
    ),
    {
      name: "runtime-alone",
      comment: "runtime imports no package: everything stands on it.",
      severity: "error",
      from: { path: sources("runtime") },
      to: { pathNot: sources("runtime"), dependencyTypesNot: ["core"] },
    },
    {
      name: "packed-alone",
      comment:
        "What other projects can take stands on itself and on what .bin/packed.json names: no broker, no gRPC, no service.",
      severity: "error",
      from: { path: packedSources },
      to: {
        pathNot: [...packedSources, ...[...Object.values(packed).flat(), "long"].flatMap(npm)],
        dependencyTypesNot: ["core"],
      },
    },
    layer("consensus", [], [], "consensus imports nothing at all: it can be taken out and used elsewhere."),
    layer("paxos", ["consensus"], codec, "paxos imports consensus and its codec's protobufjs, nothing else."),
    layer(
      "replicated-log",
      ["consensus"],
      codec,
      "replicated-log imports consensus, never a protocol behind it, and its codec's protobufjs.",
    ),
    layer("resource-graph", [], ["immutable"], "resource-graph stands on immutable alone."),
    {
      name: "sources-without-tests",
      comment: "What ships never imports a test.",
      severity: "error",
      from: { pathNot: anyTest },
      to: { path: anyTest },
    },
    {
      name: "workspaces-by-name",
      comment: "Other workspaces are imported by name (`@halon/…`), never by a relative path.",
      severity: "error",
      from: { path: "^((?:packages|services)/[^/]+|proto|test)/" },
      to: { path: "^(packages|services|proto|test)/", pathNot: "^$1/", dependencyTypes: ["local"] },
    },
    {
      name: "no-cycles",
      comment: "No cycles, not even of types: move what both need into a file of its own.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "resolvable",
      comment: "An import that cannot be found: a misspelt path, or a dependency that package.json does not list.",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(^|/)dist/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["@halon/source", "import", "node", "default", "types"],
      extensions: [".ts", ".js", ".mjs", ".cjs", ".d.ts"],
    },
  },
};
