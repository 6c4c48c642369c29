import { describe, expect, it } from "vitest";
import { parseCommandLine } from "../src/options.ts";

describe("the command line", () => {
  it("starts without anything", () => {
    expect(parseCommandLine([])).toEqual({
      kind: "start",
      dir: ".halon",
      shape: {},
      natsPort: undefined,
      isFresh: false,
      spec: "examples/cluster.yaml",
    });
  });

  it("takes the shape, the port and where to keep it all", () => {
    const argv = [
      "--stations",
      "5",
      "--satellites=0",
      "--users",
      "9",
      "--nats-port",
      "4333",
      "--fresh",
      "--state-dir",
      "x",
    ];
    expect(parseCommandLine(argv)).toMatchObject({
      kind: "start",
      dir: "x",
      shape: { stations: 5, satellites: 0, users: 9 },
      natsPort: 4333,
      isFresh: true,
    });
  });

  it("gives the demo a fresh cluster of its own", () => {
    expect(parseCommandLine(["--demo"])).toMatchObject({ kind: "demo", dir: ".halon/demo", isFresh: true, shape: {} });
  });

  it.each([
    [["kill", "user-2"], { kind: "verb", verb: "kill", target: "user-2", dir: ".halon" }],
    [["pause", "leader", "--state-dir", "x"], { kind: "verb", verb: "pause", target: "leader", dir: "x" }],
    [["logs", "web/2"], { kind: "logs", target: "web/2", isFollowed: false, lines: 40, dir: ".halon" }],
    [["logs", "web/2", "-f", "-n", "3"], { kind: "logs", target: "web/2", isFollowed: true, lines: 3, dir: ".halon" }],
    [["status"], { kind: "status", isJson: false, dir: ".halon" }],
    [["status", "--json"], { kind: "status", isJson: true, dir: ".halon" }],
    [["stop"], { kind: "stop", dir: ".halon" }],
  ])("%j", (argv, expected) => expect(parseCommandLine(argv)).toEqual(expected));

  it.each([
    [["--statoins", "3"], "Did you mean --stations?"],
    [["--stations", "4"], "Choose one of 1, 3, 5, 7."],
    [["--users", "many"], "A whole number from 0 to 32 is expected."],
    [["kil", "user-1"], 'unknown verb "kil". Did you mean kill?'],
    [["dance"], 'unknown verb "dance". Known: kill, pause, resume, restart, logs, status, stop'],
    [["kill"], "missing required argument 'target'"],
    [["kill", "a", "b"], "too many arguments"],
  ])("refuses %j", (argv, expected) => {
    const said = parseCommandLine(argv);
    expect(said).toMatchObject({ kind: "text", exitCode: 2 });
    expect(said).toHaveProperty("text", expect.stringContaining(expected));
  });

  it("helps, for all of it and for each verb", () => {
    const help = parseCommandLine(["--help"]);
    expect(help).toMatchObject({ kind: "text", exitCode: 0 });
    for (const word of [
      "--stations",
      "--demo",
      "--fresh",
      "kill <target>",
      "Targets: web/2",
      "npm start -- kill user-2",
    ])
      expect(help).toHaveProperty("text", expect.stringContaining(word));
    expect(parseCommandLine(["logs", "--help"])).toHaveProperty("text", expect.stringContaining("--follow"));
  });
});
