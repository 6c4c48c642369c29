import { createServer, type Server } from "node:net";
import { stripVTControlCharacters } from "node:util";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { run } from "../src/index.ts";
import { CLUSTER, Station } from "./station.ts";

let station: Station;

beforeEach(async () => {
  station = await new Station().start();
});
afterEach(() => station.stop());

interface Done {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

interface Surroundings {
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly isTTY?: boolean;
}

/** Runs the program against the station. */
async function halonctl(args: readonly string[], surroundings: Surroundings = {}): Promise<Done> {
  const { files = {}, env = {}, isTTY = false } = surroundings;
  const said = { out: "", err: "" };
  const sink = (name: "out" | "err") => ({
    isTTY,
    write: (text: string) => {
      said[name] += text;
    },
  });
  const code = await run(args, {
    out: sink("out"),
    err: sink("err"),
    env,
    read: (path) => {
      const text = files[path];
      return text === undefined
        ? Promise.reject(new Error(`ENOENT: no such file or directory, open '${path}'`))
        : Promise.resolve(new TextEncoder().encode(text));
    },
  });
  return { code, ...said };
}
const ask = (args: readonly string[], surroundings?: Surroundings): Promise<Done> =>
  halonctl(["--address", station.address, ...args], surroundings);

describe("halonctl status", () => {
  it("shows leader, coordinator and nodes", async () => {
    station.change(CLUSTER);
    const { code, out, err } = await ask(["status"]);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatchInlineSnapshot(`
      "cluster        halon (00c0ffee)
      answered by    station-2, follower, 120 decrees applied
      stations       station-1, station-2, station-3
      leader         station-1
      coordinator    station-3, epoch 3, checkpoint 57
      events queued  1

      NODE       KIND     STATE  INSTANCES  SERVICES
      station-1  station  up     1          station-replica monitor
      user-1     user     down   2          -
      "
    `);
  });

  it("says what is missing", async () => {
    station.status = { ...station.status, leader: "", lease: { epoch: 0, holder: "", checkpoint: 0 } };
    const { out } = await ask(["status"]);
    expect(out).toMatchInlineSnapshot(`
      "cluster        halon (00c0ffee)
      answered by    station-2, follower, 120 decrees applied
      stations       station-1, station-2, station-3
      leader         none: nothing is decided
      coordinator    none yet
      events queued  1

      No node has come up yet.
      "
    `);
  });

  it("is JSON for programs", async () => {
    const { out } = await ask(["--json", "status"]);
    expect(JSON.parse(out)).toMatchObject({ cluster: "halon", leader: "station-1", epoch: 3, nodes: [] });
    expect((await ask(["status", "--json"])).out).toBe(out);
  });
});

describe("halonctl services", () => {
  it("shows where each instance is, and does nothing to the terminal that a service wrote", async () => {
    station.change(CLUSTER);
    const { code, out } = await ask(["services"]);
    expect(code).toBe(0);
    expect(out).toMatchInlineSnapshot(`
      "SERVICE         RUNNING  INSTANCE  STATE    NODE       PORT   RESTARTS  REASON
      db (exclusive)  1/1      db/0      running  user-1     31001  0         -
      idle            0/0      -         -        -          -      -         -
      web             1/3      web/0     running  user-1     31002  2         -
                               web/1     failed   station-1  -      0         exit code 1\\u001b[2J
                               web/2     pending  -          -      0         -
      "
    `);
  });

  it("says how to get some", async () => {
    expect((await ask(["services"])).out).toBe("There are no services: halonctl apply -f cluster.yaml\n");
  });

  it("asks for all pages", async () => {
    for (let at = 0; at < 1_005; at++)
      station.change([{ kind: "putVertex", type: "Service", id: `s${at}`, value: { instances: 0 } }]);
    const { out } = await ask(["--json", "services"]);
    const { services } = JSON.parse(out) as { services: { name: string }[] };
    expect(new Set(services.map(({ name }) => name)).size).toBe(1_005);
  });
});

describe("halonctl graph", () => {
  beforeEach(() => station.change(CLUSTER));

  it("lists types", async () => {
    expect((await ask(["graph"])).out).toBe("Instance\nNode\nService\n");
  });

  it("lists vertices of a type", async () => {
    const { out } = await ask(["graph", "Service", "--limit", "2"]);
    expect(out).toMatchInlineSnapshot(`
      "ID    EDGES  VALUE
      db    1      {"exclusive":true,"instances":1}
      idle  0      {"exclusive":false,"instances":0}
      There are more: --after "idle"
      "
    `);
    expect((await ask(["graph", "Service", "--after", "idle", "--json"])).out).toContain('"id": "web"');
    expect((await ask(["graph", "Moon"])).out).toBe("There is no Moon. The types there are: halonctl graph\n");
  });

  it("shows a vertex with its edges", async () => {
    const { out } = await ask(["graph", "Instance", "web/0"]);
    expect(out).toMatchInlineSnapshot(`
      "Instance web/0
      {
        "port": 31002,
        "reason": "",
        "restarts": 2,
        "state": "running"
      }

      EDGE                  FROM       TO
      Instance.runsOn.Node  web/0  ->  user-1
      Service.has.Instance  web    ->  web/0
      "
    `);
    const { vertex } = { vertex: JSON.parse((await ask(["graph", "Instance", "web/0", "--json"])).out) as unknown };
    expect(vertex).toMatchObject({ id: "web/0", value: { port: 31_002 }, edges: [{ to: "user-1" }, { from: "web" }] });
  });

  it("says what there is not", async () => {
    expect(await ask(["graph", "Node", "user-9"])).toEqual({
      ...{ code: 1, out: "" },
      err: 'halonctl: there is no Node "user-9"\n',
    });
  });
});

describe("halonctl apply", () => {
  const good = "services:\n  web:\n    command: [node, web.js]\n    instances: 3\n";
  const bad = "services:\n  web:\n    comand: [node, web.js]\n    instances: many\n  no name: {}\n";

  it("prints all mistakes as editors find them, and changes nothing", async () => {
    const { code, out, err } = await ask(["apply", "-f", "c.yaml"], { files: { "c.yaml": bad } });
    expect([code, out]).toEqual([1, ""]);
    expect(err).toMatchInlineSnapshot(`
      "c.yaml:2:3 services.web.command: Invalid input: expected array, received undefined
      c.yaml:3:5 services.web.comand: unknown key "comand": did you mean command?
      c.yaml:4:5 services.web.instances: Invalid input: expected number, received string
      c.yaml:5:3 services.no name: not a name for a service: use 1 to 64 characters of A-Z a-z 0-9 _ -
      halonctl: nothing was changed
      "
    `);
    expect(station.events).toEqual([]);
    const json = await ask(["apply", "-f", "-", "--json"], { files: { "-": bad } });
    expect(json.code).toBe(1);
    expect(JSON.parse(json.out)).toMatchObject({ mistakes: [{ line: 2 }, { line: 3 }, { line: 4 }, { line: 5 }] });
    expect(json.err).toContain("stdin:3:5 services.web.comand: unknown key");
  });

  it("tells whether the coordinator has dealt with it", async () => {
    const files = { "c.yaml": good };
    expect(await ask(["apply", "-f", "c.yaml", "--prune"], { files })).toEqual({
      ...{ code: 0, err: "" },
      out: "The coordinator has taken over the specification of 1 service: halonctl services\n",
    });
    expect(station.events.map(({ type }) => type)).toEqual(["cluster-spec"]);
    station.isHandled = false;
    const { code, out } = await ask(["apply", "-f", "c.yaml"], { files });
    expect([code, out]).toEqual([0, expect.stringMatching(/^Stored .* No coordinator has dealt with it yet/)]);
  });

  it.each([
    ["a file that is not there", {}, /halonctl: c.yaml cannot be read: ENOENT/],
    ["a file that is too large", { "c.yaml": "#".repeat(800_000) }, /halonctl: c.yaml has more than 786432 bytes/],
  ])("refuses %s", async (_, files, message) => {
    const { code, err } = await ask(["apply", "-f", "c.yaml"], { files });
    expect([code, err]).toEqual([2, expect.stringMatching(message)]);
  });
});

describe("halonctl events", () => {
  it("stats shows what waits, by priority and type", async () => {
    const { code, out } = await ask(["events", "stats"]);
    expect(code).toBe(0);
    expect(out).toMatchInlineSnapshot(`
      "PRIORITY  EVENTS  BYTES  OLDEST  WAITED
      urgent    0       0      -       -
      normal    2       200    7       5.0 s
      bulk      0       0      -       -

      TYPE         EVENTS  BYTES
      disk-failed  2       200

      position 8, 3 producers; stored 8, consumed 6
      "
    `);
    expect(JSON.parse((await ask(["--json", "events", "stats"])).out)).toMatchObject({
      last: 8,
      counters: { stored: 8 },
    });
  });

  it("peek shows events in order, and says so when none waits", async () => {
    expect((await ask(["events", "peek"])).out).toBe("No event waits.\n");
    const id = { producer: "user-1", incarnation: "i", seq: 4 };
    const payload = new TextEncoder().encode("sda");
    const event = { id, type: "disk-failed", payload, traceparent: "", lowest: 1 };
    station.waiting = [{ position: 7, logTimeMs: 4_000, event }];
    const { out } = await ask(["events", "peek", "--limit", "5"]);
    expect(out).toMatch(/7 +normal +disk-failed +user-1\/i\/4 +sda/);
  });

  it("E8 clear needs to be told who, why, and that it is meant; goes on until all is cleared", async () => {
    expect((await ask(["events", "clear"])).code).toBe(2);
    const words = ["--by", "op", "--why", "a storm", "--priority", "normal"];
    const unsure = await ask(["events", "clear", ...words]);
    expect([unsure.code, station.commands]).toEqual([2, []]);
    expect(unsure.err).toMatch(/--yes/);
    station.cleared = [
      { cleared: 1_024, next: 5 },
      { cleared: 2, next: 0 },
    ];
    const done = await ask(["events", "clear", ...words, "--yes"]);
    expect(done).toMatchObject({ code: 0, out: "Cleared 1026 events, of those up to position 8.\n" });
    const first = { through: 8, type: "", priority: 2, by: "op", why: "a storm", from: 0 };
    expect(station.commands.map(({ value }) => value)).toEqual([first, { ...first, from: 5 }]);
  });
});

describe("halonctl events submit", () => {
  it("says when it is stored", async () => {
    expect(await ask(["events", "submit", "disk-failed", "--payload", "sda ü"])).toEqual({
      ...{ code: 0, err: "" },
      out: "Stored: it reaches the coordinator, whatever dies.\n",
    });
    await ask(["events", "submit", "t", "--payload-file", "f"], { files: { f: "from a file" } });
    await ask(["events", "submit", "nothing"]);
    expect(station.events).toEqual([
      { type: "disk-failed", payload: "sda ü" },
      { type: "t", payload: "from a file" },
      { type: "nothing", payload: "" },
    ]);
  });

  it("says why it is refused", async () => {
    station.outcome = { kind: "refused", message: "event type is bad: use another" };
    expect(await ask(["events", "submit", "t"])).toEqual({
      ...{ code: 1, out: "" },
      err: "halonctl: event type is bad: use another\n",
    });
  });

  it("tells a person what it waits for, and what is known when it has waited enough", async () => {
    station.outcome = undefined;
    const { code, err } = await ask(["--timeout", "1.2", "events", "submit", "t"], { isTTY: true });
    expect(code).toBe(1);
    expect(err).toMatch(/^waiting for a majority of the stations …\nhalonctl: no majority .* The event may be stored/);
  });
});

describe("stations", () => {
  /** Takes connections and says nothing, as a paused station. */
  let mute: Server;
  let muteAddress: string;
  beforeAll(async () => {
    mute = createServer((socket) => socket.on("error", () => undefined));
    await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
    muteAddress = `127.0.0.1:${(mute.address() as { port: number }).port}`;
  });
  afterAll(() => mute.close());

  it("are tried one after the other until one answers", async () => {
    const gone = await new Station().start();
    const goneAddress = gone.address;
    await gone.stop();
    const list = `${goneAddress},${muteAddress},${station.address}`;
    expect((await halonctl(["--address", list, "status"])).code).toBe(0);
    expect((await halonctl(["status"], { env: { HALON_API: list } })).code).toBe(0);
    const wrong = await halonctl(["status"], { env: { HALON_API: "nowhere" } });
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringMatching(/HALON_API.*Write HOST:PORT, not "nowhere"/)]);
  });

  it("none of which answers are named, with what to do", async () => {
    const { code, out, err } = await halonctl(["--address", muteAddress, "--timeout", "0.2", "status"]);
    expect([code, out]).toEqual([3, ""]);
    expect(err).toMatch(/^halonctl: no station answers at 127.0.0.1:\d+ \(silent for 200 ms\)\. .*HALON_API\n$/);
  });
});

describe("a mistake on the command line", () => {
  it.each([
    [["stauts"], /unknown command 'stauts'\n\(Did you mean status\?\)/],
    [["status", "--jsno"], /unknown option '--jsno'\n\(Did you mean --json\?\)/],
    [["apply"], /required option '-f, --file <file>'/],
    [["events", "submit"], /missing required argument 'type'/],
    [["events", "submit", "t", "--payload", "a", "--payload-file", "b"], /cannot be used with option/],
    [["--timeout", "soon", "status"], /Seconds, from 0.1 to 600/],
    [["--timeout", "-1", "status"], /Seconds, from 0.1 to 600/],
    [["--address", "nowhere", "status"], /Write HOST:PORT, not "nowhere"/],
    [["graph", "Node", "--limit", "0"], /A whole number from 1 to 1000/],
    [["status", "more"], /too many arguments/],
  ])("%j is explained, and exits 2", async (args, message) => {
    const { code, out, err } = await ask(args);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(message);
    expect(err).toMatch(/^halonctl: /);
  });

  it("is none when help is asked for", async () => {
    const { code, out, err } = await ask(["--help"]);
    expect([code, err]).toEqual([0, ""]);
    for (const word of ["status", "apply", "services", "graph", "events", "Examples:", "Exit codes:", "HALON_API"])
      expect(out).toContain(word);
  });
});

describe("colours", () => {
  it.each([
    ["at a terminal", { isTTY: true }, true],
    ["not into a pipe", {}, false],
    ["not for who wants none", { isTTY: true, env: { NO_COLOR: "1" } }, false],
    ["not on a dumb terminal", { isTTY: true, env: { TERM: "dumb" } }, false],
  ])("%s", async (_, surroundings, isPainted) => {
    station.change(CLUSTER);
    const { out } = await ask(["status"], surroundings);
    expect(out.includes("\u001b[")).toBe(isPainted);
  });

  it("do not move columns", async () => {
    station.change(CLUSTER);
    const plain = await ask(["services"]);
    const painted = await ask(["services"], { isTTY: true });
    expect(painted.out).not.toBe(plain.out);
    expect(stripVTControlCharacters(painted.out)).toBe(plain.out);
  });
});

describe("halonctl station", () => {
  const seen = (member: string, votes: boolean, role: string, applied: number) => ({
    ...{ node: member.slice(0, member.indexOf(".")), member, votes },
    ...{ role, applied },
  });

  it("list shows who votes and who could, and how far each is", async () => {
    station.stations = [
      seen("station-1.0", true, "leader", 120),
      seen("station-2.0", true, "", 0),
      seen("station-4.9f3a01bc", false, "learner", 100),
    ];
    const { code, out, err } = await ask(["station", "list"]);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatchInlineSnapshot(`
      "NODE       MEMBER              VOTES  ROLE     APPLIED  BEHIND
      station-1  station-1.0         yes    leader   120      0
      station-2  station-2.0         yes    silent   -        -
      station-4  station-4.9f3a01bc  no     learner  100      20
      As station-2 knows it; station-1 leads.
      "
    `);
    const json = await ask(["--json", "station", "list"]);
    expect(JSON.parse(json.out)).toMatchObject({ leader: "station-1", applied: 120, stations: station.stations });
  });

  it.each([
    [["add", "d"], { add: "d", remove: "" }, "d votes now. Stations that vote: a, b, d.\n"],
    [["remove", "c"], { add: "", remove: "c" }, "c does not vote any more. Stations that vote: a, b, d.\n"],
    [
      ["replace", "c", "d"],
      { add: "d", remove: "c" },
      "d votes now, c does not vote any more. Stations that vote: a, b, d.\n",
    ],
    [["replace", "d", "d"], { add: "d", remove: "d" }, "d votes now. Stations that vote: a, b, d.\n"],
  ])("%j changes who votes", async (args, change, text) => {
    station.changeOutcomes = [{ outcome: "changed", message: "", members: ["a", "b", "d"] }];
    expect(await ask(["station", ...args])).toEqual({ code: 0, out: text, err: "" });
    expect(station.changes).toEqual([change]);
  });

  it.each([
    [["a"], "one station tolerates no failure: add two"],
    [["a", "b"], "two tolerate no failure: add a third one"],
    [["a", "b", "c", "d"], "4 tolerate as many failures as 3: add one or remove one"],
  ])("warns of %j", async (members, warning) => {
    station.changeOutcomes = [{ outcome: "unchanged", message: "", members }];
    const { code, out, err } = await ask(["station", "add", "a"]);
    expect([code, err]).toEqual([0, `halonctl: warning: ${warning}\n`]);
    expect(out).toMatch(/^Nothing to change\. /);
  });

  it("waits for a station that learns, and shows how far it is", async () => {
    station.stations = [seen("a.0", true, "leader", 500), seen("d.1", false, "learner", 20)];
    const learns = { outcome: "not-caught-up", message: "it learns", members: [] };
    station.changeOutcomes = [learns, { outcome: "changed", message: "", members: ["a", "b", "d"] }];
    const { code, err } = await ask(["station", "add", "d"]);
    expect([code, err]).toEqual([0, "waiting: d has applied 20 of 500 decrees …\n"]);
    expect(station.changes).toHaveLength(2);
  });

  it("says why it is refused, and what to do", async () => {
    const refused = { outcome: "last-member", message: "a.0 is the only member: add another first", members: [] };
    station.changeOutcomes = [refused];
    expect(await ask(["station", "remove", "a"])).toEqual({
      code: 1,
      out: "",
      err: "halonctl: a.0 is the only member: add another first\n",
    });
    station.changeOutcomes = [{ outcome: "not-caught-up", message: "d learns", members: [] }];
    expect(await ask(["station", "add", "d", "--wait", "0"])).toMatchObject({ code: 1, err: "halonctl: d learns\n" });
    expect(await ask(["station", "add", "d", "--wait", "long"])).toMatchObject({ code: 2 });
  });
});
