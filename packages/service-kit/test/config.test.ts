import { describe, expect, it } from "vitest";
import { type ConfigOutcome, configJsonSchema, variablesTable } from "../src/index.ts";
import { configOf, example, type Given, load, mistakesOf } from "./example.ts";

const FILE = "halon.yaml";
const inFile = (text: string, argv: readonly string[] = ["--rack", "r1"]): Given => ({
  argv: ["--config", FILE, ...argv],
  files: { [FILE]: text },
});
const heartbeat = (given: Given): number => configOf(load(given)).heartbeatMs;

describe("sources", () => {
  it("defaults fill what nobody sets", () => {
    const { node, ...config } = configOf(load({}));
    expect(node).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(config).toEqual({
      cluster: "halon",
      natsUrl: ["nats://127.0.0.1:4222"],
      logLevel: "info",
      logFileBytesMax: 16_777_216,
      logOldFilesMax: 4,
      stateDir: ".halon",
      heartbeatMs: 1_000,
      exclusive: true,
      rack: "r1",
      weights: [],
      services: [],
    });
  });

  it("a later source wins: defaults, file, variables, flags", () => {
    const files = { [FILE]: "heartbeatMs: 200", other: "heartbeatMs: 250" };
    const env = { HALON_CONFIG: FILE, HALON_HEARTBEAT_MS: "300" };
    expect(heartbeat({})).toBe(1_000);
    expect(heartbeat({ files, env: { HALON_CONFIG: FILE } })).toBe(200);
    expect(heartbeat({ files, env: { HALON_CONFIG: FILE }, argv: ["--rack=r", "--config=other"] })).toBe(250);
    expect(heartbeat({ files, env })).toBe(300);
    expect(heartbeat({ files, env, argv: ["--rack=r", "--heartbeat-ms=400"] })).toBe(400);
  });

  it("a mistake in a value that a later source replaces does no harm", () => {
    expect(heartbeat({ env: { HALON_HEARTBEAT_MS: "soon" }, argv: ["--rack=r", "--heartbeat-ms=400"] })).toBe(400);
  });

  it("reads every kind of value from flags", () => {
    const argv = [
      "--rack",
      "-1",
      "--nats-url",
      "nats://a:1, b",
      "--nats-url=[::1]:3",
      "--no-exclusive",
      "--weights=1.5,-2",
    ];
    const config = configOf(load({ argv: [...argv, "--services", '[{"name":"monitor"}]', "--cluster", "east"] }));
    expect(config).toMatchObject({
      rack: "-1",
      natsUrl: ["nats://a:1", "b", "[::1]:3"],
      exclusive: false,
      weights: [1.5, -2],
      services: [{ name: "monitor" }],
      cluster: "east",
    });
    expect(configOf(load({ argv: ["--exclusive", "--rack=a=b"] }))).toMatchObject({ exclusive: true, rack: "a=b" });
    expect(configOf(load({ argv: ["--exclusive=false", "--rack=r"] })).exclusive).toBe(false);
  });

  it("reads every kind of value from variables", () => {
    const env = {
      HALON_NATS_URL: "a,b",
      HALON_EXCLUSIVE: "0",
      HALON_WEIGHTS: "1,2",
      HALON_SERVICES: '[{"name":"x","port":1}]',
    };
    expect(configOf(load({ env }))).toMatchObject({
      natsUrl: ["a", "b"],
      exclusive: false,
      weights: [1, 2],
      services: [{ name: "x", port: 1 }],
    });
  });

  it("takes an empty variable for none, and leaves others' variables alone", () => {
    expect(heartbeat({ env: { HALON_HEARTBEAT_MS: "", HALON_CONFIG: "", HALON_OTHER: "x" } })).toBe(1_000);
  });

  it("reads JSON, with tabs, and an empty file", () => {
    const json = JSON.stringify({ heartbeatMs: 700, services: [{ name: "x" }] }, undefined, "\t");
    expect(configOf(load(inFile(json)))).toMatchObject({ heartbeatMs: 700, services: [{ name: "x" }] });
    expect(heartbeat(inFile("# nothing\n"))).toBe(1_000);
  });

  it("finds the command before, between and after flags", () => {
    const command = (...argv: string[]): string => {
      const outcome = load({ argv });
      return outcome.kind === "config" ? outcome.command : mistakesOf(outcome);
    };
    expect(command("--rack", "r")).toBe("run");
    expect(command("health", "--rack", "r")).toBe("health");
    expect(command("--exclusive", "init", "--rack", "r")).toBe("init");
    expect(command("--rack", "health")).toBe("run");
  });
});

describe("mistakes", () => {
  it("on the command line", () => {
    expect(mistakesOf(load({ argv: ["--rak", "r1"] }))).toMatchInlineSnapshot(
      `"flag --rak is unknown: did you mean --rack?"`,
    );
    expect(mistakesOf(load({ argv: ["--rack"] }))).toMatchInlineSnapshot(
      `"flag --rack needs a value: write --rack=VALUE"`,
    );
    expect(mistakesOf(load({ argv: ["--rack", "--no-exclusve"] }))).toMatchInlineSnapshot(`
      "flag --rack needs a value: write --rack=VALUE
      flag --no-exclusve is unknown: did you mean --no-exclusive?"
    `);
    expect(
      mistakesOf(load({ argv: ["--rack=a", "--rack=b", "--no-exclusive=1", "--no-rack"] })),
    ).toMatchInlineSnapshot(`
      "flag --rack is given twice: keep one
      flag --no-exclusive takes no value: write --no-exclusive, or --exclusive=1
      flag --no-rack is unknown: did you mean --rack?"
    `);
    expect(
      mistakesOf(load({ argv: ["helth", "--rack=r", "health", "init", "--nothing-like-it"] })),
    ).toMatchInlineSnapshot(`
      "argument "helth" is no command: did you mean health?
      command init is one too many: health was given before it
      flag --nothing-like-it is unknown: --help lists all flags"
    `);
    expect(mistakesOf(load({ argv: ["--rack=r", "--services", "[{name:x}]"] }))).toMatchInlineSnapshot(
      `"flag --services: "[{name:x}]" given, which is not JSON"`,
    );
  });

  it("of values, with their sources", () => {
    const env = {
      HALON_HEARTBEAT_MS: "soon",
      HALON_EXCLUSIVE: "maybe",
      HALON_NATS_URL: "nats://a,http://root:hunter2@b",
      HALON_LOG_LEVEL: "verbose",
    };
    const argv = ["--rack=r", "--weights=1,two", "--cluster=my.cluster", "--log-old-files-max=1.5", "--log-file="];
    expect(mistakesOf(load({ env, argv }))).toMatchInlineSnapshot(`
      "flag --cluster: "my.cluster" given, a name is 1 to 64 of A-Z a-z 0-9 _ -
      variable HALON_NATS_URL, item 2: "http://…@b" given, write nats://[user:password@]host[:port]
      variable HALON_LOG_LEVEL: "verbose" given, allowed is one of trace, debug, info, warn, error, fatal
      flag --log-file: "" given, allowed is text of 1 or more characters
      flag --log-old-files-max: 1.5 given, allowed is a whole number from 0 to 100
      variable HALON_HEARTBEAT_MS: "soon" given, allowed is a whole number from 100 to 10000 (ms)
      variable HALON_EXCLUSIVE: "maybe" given, allowed is true or false
      flag --weights, item 2: "two" given, allowed is a number"
    `);
    expect(mistakesOf(load({ argv: ["--rack=r", "--heartbeat-ms=20000", "--nats-url="] }))).toMatchInlineSnapshot(`
      "flag --nats-url: [] given, allowed is a list of 1 to 64 items, each text
      flag --heartbeat-ms: 20000 given, allowed is a whole number from 100 to 10000 (ms)
      flag --heartbeat-ms: 20000 given, exclusive services need 1500 or less: lower it, or set --no-exclusive"
    `);
  });

  it("of values in the file, each at its line", () => {
    const text = [
      "heartbeatMs: 1s",
      "racks: r1",
      "services:",
      "  - name: monitor",
      "    port: 70000",
      "  - prot: 1",
      "",
    ].join("\n");
    expect(mistakesOf(load(inFile(text, [])))).toMatchInlineSnapshot(`
      "halon.yaml:2:1: key "racks" is unknown: did you mean "rack"?
      halon.yaml:1:14: heartbeatMs: "1s" given, allowed is a whole number from 100 to 10000 (ms)
      halon.yaml:5:11: services[0].port: 70000 given, allowed is a whole number up to 65535
      halon.yaml:6:5: services[1].name: is missing, allowed is text
      halon.yaml:6:11: services[1].prot: this key is unknown, did you mean "port"?"
    `);
  });

  it("of the file as a whole, and then nothing is said to be missing", () => {
    expect(mistakesOf(load({ argv: ["--config", "gone.yaml"] }))).toMatchInlineSnapshot(
      `"file gone.yaml (named by --config) cannot be read: ENOENT: no such file or directory, open 'gone.yaml'"`,
    );
    expect(mistakesOf(load({ argv: [], env: { HALON_CONFIG: "gone.yaml" } }))).toMatchInlineSnapshot(
      `"file gone.yaml (named by HALON_CONFIG) cannot be read: ENOENT: no such file or directory, open 'gone.yaml'"`,
    );
    expect(mistakesOf(load(inFile("rack: [r1\nnode: x", [])))).toMatchInlineSnapshot(
      `"halon.yaml:2:1: Flow sequence in block collection must be sufficiently indented and end with a ]"`,
    );
    expect(mistakesOf(load(inFile("rack: r1\nrack: r2", [])))).toMatchInlineSnapshot(
      `"halon.yaml:2:1: Map keys must be unique"`,
    );
    expect(mistakesOf(load(inFile("- rack", [])))).toMatchInlineSnapshot(
      `"halon.yaml:1:1: the file must be keys with values, such as "node: station-1""`,
    );
    expect(mistakesOf(load(inFile("rack: !vault r1", [])))).toMatchInlineSnapshot(
      `"halon.yaml:1:7: Unresolved tag: !vault"`,
    );
    expect(mistakesOf(load(inFile("a: 1\n---\nb: 1", [])))).toMatchInlineSnapshot(
      `"halon.yaml:2:1: a second document begins here, one is allowed"`,
    );
    expect(mistakesOf(load(inFile("x".repeat(1024 * 1024 + 1), [])))).toMatchInlineSnapshot(
      `"file halon.yaml (named by --config) has 1048577 characters: 1048576 are allowed"`,
    );
  });

  it("of a file that unfolds without end", () => {
    const bomb = ["a: &a [x,x,x,x,x,x,x,x,x]"];
    for (const [of, to] of ["ab", "bc", "cd", "de"].map((pair) => [pair[0], pair[1]]))
      bomb.push(`${to}: &${to} [${Array.from({ length: 9 }, () => `*${of}`).join(",")}]`);
    expect(mistakesOf(load(inFile(bomb.join("\n"), [])))).toMatchInlineSnapshot(
      `"halon.yaml: Excessive alias count indicates a resource exhaustion attack"`,
    );
  });

  it("in what fields have to do with each other", () => {
    expect(mistakesOf(load({ argv: ["--rack=r", "--heartbeat-ms=2000"] }))).toMatchInlineSnapshot(
      `"flag --heartbeat-ms: 2000 given, exclusive services need 1500 or less: lower it, or set --no-exclusive"`,
    );
  });

  it("are listed all at once", () => {
    const given = {
      ...inFile("nod: x\nexclusive: 3", ["--heartbeat-ms", "x", "--oops"]),
      env: { HALON_LOG_LEVEL: "no" },
    };
    expect(mistakesOf(load(given))).toMatchInlineSnapshot(`
      "halon.yaml:1:1: key "nod" is unknown: did you mean "node"?
      flag --oops is unknown: --help lists all flags
      variable HALON_LOG_LEVEL: "no" given, allowed is one of trace, debug, info, warn, error, fatal
      flag --heartbeat-ms: "x" given, allowed is a whole number from 100 to 10000 (ms)
      halon.yaml:2:12: exclusive: 3 given, allowed is true or false
      rack is not set: give flag --rack, variable HALON_RACK or the key "rack" in the file (text)"
    `);
  });

  it("never show a secret", () => {
    const sources: readonly Given[] = [
      { argv: ["--rack=r", "--api-pass=hunter2"] },
      { env: { HALON_API_PASS: "hunter2" } },
      inFile("apiPass: [hunter2]"),
    ];
    const texts = sources.map((given) => mistakesOf(load(given)));
    expect(texts.join("\n")).toMatchInlineSnapshot(`
      "flag --api-pass: a hidden value given, allowed is text of 8 or more characters
      variable HALON_API_PASS: a hidden value given, allowed is text of 8 or more characters
      halon.yaml:1:10: apiPass: a hidden value given, allowed is text of 8 or more characters"
    `);
  });
});

describe("help", () => {
  const help = (outcome: ConfigOutcome<unknown>): string => (outcome.kind === "help" ? outcome.text : "no help");

  it("is made from the schema", () => {
    expect(help(load({ argv: ["--help"] }))).toMatchInlineSnapshot(`
      "node-agent 1.2.3: starts and stops the services of its node

      Usage: node-agent [COMMAND] [FLAG ...]

        run     runs the service; the command may be left out
        health  asks the running service how it is, prints its answer as JSON, exits 0 if it is healthy and 1 if not
        init    founds a group

      FLAG                         VARIABLE                  DEFAULT                MEANING
      --cluster TEXT               HALON_CLUSTER             halon                  Name of the cluster
      --node TEXT                  HALON_NODE                host name              Name of this node
      --nats-url A,B,…             HALON_NATS_URL            nats://127.0.0.1:4222  NATS servers, all of one NATS cluster
      --log-level TEXT             HALON_LOG_LEVEL           info                   Least important lines to write: trace, debug, info, warn, error, fatal
      --log-file TEXT              HALON_LOG_FILE            none                   File to write the log to, instead of standard output
      --log-file-bytes-max BYTES   HALON_LOG_FILE_BYTES_MAX  16777216 bytes         Size at which a log file is put aside
      --log-old-files-max NUMBER   HALON_LOG_OLD_FILES_MAX   4                      Log files put aside that are kept
      --state-dir TEXT             HALON_STATE_DIR           .halon                 Directory for all that this service keeps
      --heartbeat-ms MS            HALON_HEARTBEAT_MS        1000 ms                Between heartbeats
      --exclusive, --no-exclusive  HALON_EXCLUSIVE           true                   Whether to guard exclusive instances
      --rack TEXT                  HALON_RACK                required               Where the node stands | its failure domain
      --api-pass TEXT              HALON_API_PASS            none                   For the operator's API
      --weights A,B,…              HALON_WEIGHTS             none                   Of placement
      --services JSON              HALON_SERVICES            none                   Halon services of this node
      --config FILE                HALON_CONFIG              none                   YAML or JSON file with these settings, keys in camelCase: natsUrl
      --help                                                                        Prints this
      --version                                                                     Prints the version

      Flags win over variables, variables over the file, the file over defaults.
      "
    `);
  });

  it("wins over mistakes, and so does the version", () => {
    expect(help(load({ argv: ["--oops", "-h"] }))).toContain("--rack TEXT");
    expect(help(load({ argv: ["--oops", "--version"] }))).toBe("node-agent 1.2.3");
  });

  it("is a table for READMEs too", () => {
    expect(variablesTable(example)).toMatchInlineSnapshot(`
      "| variable | flag | default | meaning |
      | --- | --- | --- | --- |
      | \`HALON_CLUSTER\` | \`--cluster TEXT\` | halon | Name of the cluster |
      | \`HALON_NODE\` | \`--node TEXT\` | host name | Name of this node |
      | \`HALON_NATS_URL\` | \`--nats-url A,B,…\` | nats://127.0.0.1:4222 | NATS servers, all of one NATS cluster |
      | \`HALON_LOG_LEVEL\` | \`--log-level TEXT\` | info | Least important lines to write: trace, debug, info, warn, error, fatal |
      | \`HALON_LOG_FILE\` | \`--log-file TEXT\` | none | File to write the log to, instead of standard output |
      | \`HALON_LOG_FILE_BYTES_MAX\` | \`--log-file-bytes-max BYTES\` | 16777216 bytes | Size at which a log file is put aside |
      | \`HALON_LOG_OLD_FILES_MAX\` | \`--log-old-files-max NUMBER\` | 4 | Log files put aside that are kept |
      | \`HALON_STATE_DIR\` | \`--state-dir TEXT\` | .halon | Directory for all that this service keeps |
      | \`HALON_HEARTBEAT_MS\` | \`--heartbeat-ms MS\` | 1000 ms | Between heartbeats |
      | \`HALON_EXCLUSIVE\` | \`--exclusive, --no-exclusive\` | true | Whether to guard exclusive instances |
      | \`HALON_RACK\` | \`--rack TEXT\` | required | Where the node stands \\| its failure domain |
      | \`HALON_API_PASS\` | \`--api-pass TEXT\` | none | For the operator's API |
      | \`HALON_WEIGHTS\` | \`--weights A,B,…\` | none | Of placement |
      | \`HALON_SERVICES\` | \`--services JSON\` | none | Halon services of this node |"
    `);
  });

  it("is a JSON Schema for editors", () => {
    expect(configJsonSchema(example)).toMatchObject({
      type: "object",
      required: ["rack"],
      additionalProperties: false,
    });
  });
});
