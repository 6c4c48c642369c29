import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  INSTANCE_BYTES_MAX,
  INSTANCES_MAX,
  parseSpec,
  parseSpecJson,
  parseSpecText,
  SERVICES_MAX,
  SPEC_BYTES_MAX,
  type Spec,
  TEXT_CHARS_MAX,
} from "../src/index.ts";

function mistakesOf(text: string): readonly string[] {
  const outcome = parseSpecText(text);
  if (outcome.kind === "spec") throw new Error(`no mistake in ${outcome.json}`);
  return outcome.mistakes.map(({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`);
}

function specOf(text: string): Spec {
  const outcome = parseSpecText(text);
  if (outcome.kind === "mistakes") throw new Error(JSON.stringify(outcome.mistakes, undefined, 2));
  return outcome.spec;
}

describe("defaults and parameters", () => {
  it("fills in what is not said", () => {
    expect(specOf("services: { web: { command: [node, web.js] } }").services).toEqual([
      {
        name: "web",
        command: ["node", "web.js"],
        cwd: "",
        exclusive: false,
        instances: 1,
        envs: [{}],
        after: [],
        restartsMax: 3,
        restartWindowMs: 60_000,
        on: ["user"],
      },
    ]);
  });

  it("lays parameters of single instances over the common ones, and counts them", () => {
    const [worker] = specOf(`
services:
  worker:
    command: [worker]
    env: { QUEUE: main, LEVEL: "1" }
    each:
      - env: { QUEUE: fast }
      - {}
      - env: { EXTRA: "yes" }
`).services;
    expect(worker?.instances).toBe(3);
    expect(worker?.envs).toEqual([
      { QUEUE: "fast", LEVEL: "1" },
      { QUEUE: "main", LEVEL: "1" },
      { QUEUE: "main", LEVEL: "1", EXTRA: "yes" },
    ]);
  });

  it("anchors, aliases and merge keys of YAML stand for what they name", () => {
    const { services } = specOf(`
services:
  a: &base
    command: &run [run, it]
    env: { A: "1" }
  b:
    <<: *base
    instances: 2
  c: { command: *run }
`);
    expect(services.map(({ name, command, instances }) => [name, command.join(" "), instances])).toEqual([
      ["a", "run it", 1],
      ["b", "run it", 2],
      ["c", "run it", 1],
    ]);
    expect(services[1]?.envs[1]).toEqual({ A: "1" });
  });

  it("no services are a declaration too", () => {
    expect(specOf("services: {}").services).toEqual([]);
  });
});

describe("mistakes", () => {
  it("RG6 all are listed at once, each where it is", () => {
    const text = `services:
  web:
    comand: [web]
    instances: many
    env:
      PORT: 80
      2nd: x
    restarts: { max: -1, window: 3 }
  "a b":
    command: [x]
  job:
    command: []
    on: [moon]
    each:
      - ev: {}
extra: 1
`;
    expect(mistakesOf(text)).toEqual([
      "2:3 services.web.command: Invalid input: expected array, received undefined",
      '3:5 services.web.comand: unknown key "comand": did you mean command?',
      "4:5 services.web.instances: Invalid input: expected number, received string",
      "6:7 services.web.env.PORT: a text is expected: quote it",
      "7:7 services.web.env.2nd: not a name for a variable: use A-Z a-z 0-9 _, a letter or _ first",
      "8:17 services.web.restarts.max: Too small: expected number to be >=0",
      '8:26 services.web.restarts.window: unknown key "window": did you mean windowMs?',
      "9:3 services.a b: not a name for a service: use 1 to 64 characters of A-Z a-z 0-9 _ -",
      "12:5 services.job.command: Too small: expected array to have >=1 items",
      '13:10 services.job.on.0: Invalid option: expected one of "station"|"satellite"|"user"',
      '15:9 services.job.each.0.ev: unknown key "ev": did you mean env?',
      '16:1 extra: unknown key "extra": known are services',
    ]);
  });

  it("RG6 references to services that are not there, and circles, are told along with all else, each at its line", () => {
    const text = `services:
  web:
    command: [web]
    after: [bd, cache, web]
    instances: many
  db:
    command: [db]
    after:
      - cache
  cache: { command: [cache], after: [queue] }
  queue: { command: [queue], after: [db], cwd: 3 }
  alone: { command: [alone], after: [db, nobody, 7] }
`;
    expect(mistakesOf(text)).toEqual([
      '4:13 services.web.after.0: there is no service "bd" in this file: did you mean db?',
      "4:24 services.web.after.2: web waits for itself: it could never start; leave this out",
      "5:5 services.web.instances: Invalid input: expected number, received string",
      "9:9 services.db.after.0: cache waits for queue waits for db waits for cache: none of them could ever start; leave one of these out",
      "11:43 services.queue.cwd: a text is expected: quote it",
      '12:42 services.alone.after.1: there is no service "nobody" in this file: add it, or leave this out',
      "12:50 services.alone.after.2: Invalid input: expected string, received number",
    ]);
  });

  it("what a service waits for is taken once each, in order of names", () => {
    const { services } = specOf(
      "services: { a: { command: [x] }, b: { command: [x] }, c: { command: [x], after: [b, a, b] } }",
    );
    expect(services.map(({ after }) => after)).toEqual([[], [], ["a", "b"]]);
  });

  it.each([
    ["an empty file", "", /1:1 : nothing is declared/],
    ["only a comment", "# later\n", /nothing is declared/],
    ["a list", "- web\n", /1:1 : Invalid input: expected object/],
    ["a word", "services\n", /expected object/],
    ["no services", "{}\n", /services: Invalid input/],
    ["two of one name", "services:\n  a: { command: [x] }\n  a: { command: [y] }\n", /3:3 : Map keys must be unique/],
    ["two documents", "services: {}\n---\nservices: {}\n", /multiple documents/],
    ["broken YAML", "services: [\n", /Flow sequence/],
    ["a tab", "services:\n\ta: 1\n", /2:1/],
    ["an unknown tag", "services: !map2 {}\n", /Unresolved tag/],
    ["an alias of nothing", "services: *none\n", /Unresolved alias/],
    ["a zero byte", 'services: { a: { command: ["x\\0y"] } }\n', /a zero byte cannot be passed/],
    ["an empty argument", 'services: { a: { command: [""] } }\n', /an empty argument/],
    ["a name that no map can carry", "services: { __proto__: { command: [x] } }\n", /__proto__ is not a name/],
    ["such a variable", 'services: { a: { command: [x], env: { __proto__: "1" } } }\n', /__proto__ is not a name/],
    [
      "more parameters than instances",
      "services: { a: { command: [x], instances: 1, each: [{}, {}] } }\n",
      /parameters of 2 instances, but there are 1/,
    ],
  ])("%s", (_, text, expected) => {
    expect(mistakesOf(text).join("\n")).toMatch(expected);
  });

  it("what stands for far more than it says is refused, whatever the way", () => {
    const lists = Array.from(
      { length: 12 },
      (_, at) => `a${at}: &a${at} [${at === 0 ? "x" : `*a${at - 1}`}, ${at === 0 ? "x" : `*a${at - 1}`}]`,
    );
    expect(mistakesOf(`${lists.join("\n")}\nservices: *a11\n`).join("\n")).toMatch(/alias/i);
    expect(mistakesOf("[".repeat(50_000)).length).toBeGreaterThan(0);
    expect(mistakesOf(`services: ${"{a: ".repeat(20_000)}`).length).toBeGreaterThan(0);
    expect(mistakesOf(`# ${"x".repeat(TEXT_CHARS_MAX)}`).join()).toMatch(/characters: at most 131072/);
    const blob = "x".repeat(9_000);
    const each = Array.from({ length: 20 }, (_, at) => `  s${at}: { command: [x], env: { A: *blob } }`).join("\n");
    expect(mistakesOf(`services:\n  a: { command: [x], env: { A: &blob ${blob} } }\n${each}\n`).join()).toMatch(
      new RegExp(`bytes as JSON: at most ${SPEC_BYTES_MAX}`),
    );
  });

  it("there is a limit on services, on instances, on all instances together, and on what one is given", () => {
    const services = (count: number, more: object = {}) =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`s${at}`, { command: ["x"], ...more }]));
    const textOf = (value: unknown): string => {
      const outcome = parseSpec(value);
      return outcome.kind === "spec" ? "" : outcome.mistakes.map(({ message }) => message).join("; ");
    };
    expect(textOf({ services: services(SERVICES_MAX) })).toBe("");
    expect(textOf({ services: services(SERVICES_MAX + 1) })).toContain(`at most ${SERVICES_MAX} services`);
    expect(textOf({ services: services(2, { instances: INSTANCES_MAX / 2 }) })).toBe("");
    expect(textOf({ services: services(2, { instances: INSTANCES_MAX / 2 + 1 }) })).toContain(
      "1002 instances together",
    );
    const long = (bytes: number) => ({ services: services(1, { env: { A: "x".repeat(bytes) } }) });
    expect(textOf(long(INSTANCE_BYTES_MAX - 100))).toBe("");
    expect(textOf(long(INSTANCE_BYTES_MAX))).toContain("at most 16384 are allowed");
  });

  it("is never a crash", () => {
    const fragment = fc.constantFrom(
      "services",
      ":",
      " ",
      "\n",
      "  ",
      "- ",
      "&a",
      "*a",
      "{",
      "}",
      "[",
      "]",
      "web",
      "command",
      "'",
      '"',
      "!!str",
      "|",
      "<<",
      "\t",
      "#",
      "env",
      "1",
    );
    fc.assert(
      fc.property(fc.array(fragment, { maxLength: 40 }), (parts) => {
        const outcome = parseSpecText(parts.join(""));
        if (outcome.kind === "mistakes") {
          expect(outcome.mistakes.length).toBeGreaterThan(0);
          for (const { line, column } of outcome.mistakes) expect(Math.min(line, column)).toBeGreaterThanOrEqual(1);
        }
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(["spec", "mistakes"]).toContain(parseSpec(value).kind);
      }),
    );
    expect(parseSpecJson("{").kind).toBe("mistakes");
  });
});

describe("what is submitted", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "ß", "\n", '"', ":", " ", "{", "%", "\\", "日") });
  const variables = fc.dictionary(fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/), text, { maxKeys: 4 });
  const service = fc.record(
    {
      command: fc.array(
        text.map((each) => `x${each}`),
        { minLength: 1, maxLength: 4 },
      ),
      cwd: text,
      env: variables,
      each: fc.array(fc.record({ env: variables }, { requiredKeys: [] }), { maxLength: 3 }),
      exclusive: fc.boolean(),
      restarts: fc.record({ max: fc.nat(10), windowMs: fc.integer({ min: 1_000, max: 9_999 }) }, { requiredKeys: [] }),
      on: fc.uniqueArray(fc.constantFrom("station", "satellite", "user"), { minLength: 1 }),
    },
    { requiredKeys: ["command"] },
  );
  const services = fc.dictionary(fc.stringMatching(/^[A-Za-z0-9-]{1,10}$/), service, { maxKeys: 6 });

  it("reads as the same specification, from YAML, from JSON and as it is sent", () => {
    fc.assert(
      fc.property(services, (declared) => {
        const value = { services: declared };
        const direct = parseSpec(value);
        expect(direct.kind).toBe("spec");
        const read = parseSpecText(JSON.stringify(value, undefined, 2));
        if (read.kind !== "spec") throw new Error(JSON.stringify(read.mistakes));
        expect({ kind: "spec", spec: read.spec }).toEqual(direct);
        expect(parseSpecJson(read.json)).toEqual(direct);
      }),
      { numRuns: 200 },
    );
  });
});
