import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { freePorts, KvMember } from "./kv-member.ts";
import { until } from "./station-group.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CONSENSUS = ["consensus", "paxos", "replicated-log", "replicator", "runtime", "journal-file"];
const QUEUE = ["event-queue", "eq-tracker", "proto", "replicator", "replicated-log", "consensus", "runtime"];
/** Of NATS, gRPC, and Halon's services. */
const FOREIGN = /nats|grpc|station-replica|coordinator|node-agent|monitor|transponder|recovery|service-kit/;

const WRITERS = 50;
const ROUNDS = 6;

const scratch = mkdtempSync(join(tmpdir(), "halon-reuse-"));
const packed = join(scratch, "packed");

/** An empty project, or a copy of `from`, with these packages from their tarballs and what npm finds that they need. */
function install(project: string, names: readonly string[], from?: string): void {
  mkdirSync(project);
  if (from === undefined) writeFileSync(join(project, "package.json"), '{"private":true,"type":"module"}');
  else cpSync(from, project, { recursive: true, filter: (path) => !/node_modules|data$/.test(path) });
  const tarballs = readdirSync(packed).filter((file) => names.some((name) => file === `halon-${name}-0.1.0.tgz`));
  const flags = ["--no-save", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
  execFileSync("npm", ["install", ...flags, ...tarballs.map((file) => join(packed, file))], {
    cwd: project,
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Names of all that is installed in a project. */
function installed(project: string): readonly string[] {
  return readdirSync(join(project, "node_modules")).flatMap((name) =>
    name.startsWith("@") ? readdirSync(join(project, "node_modules", name)).map((each) => `${name}/${each}`) : [name],
  );
}

beforeAll(() => {
  execFileSync(process.execPath, [join(ROOT, ".bin/pack.mjs"), packed], { stdio: ["ignore", "pipe", "pipe"] });
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe("reuse: the consensus packages in a project of somebody else's", () => {
  const project = join(scratch, "consensus");
  beforeAll(() => install(project, CONSENSUS));

  it("reuse: install together, with licence and README, and bring protobufjs only", () => {
    const names = installed(project).filter((name) => !name.startsWith("."));
    expect(names.toSorted()).toEqual([...CONSENSUS.map((name) => `@halon/${name}`), "long", "protobufjs"].toSorted());
    for (const name of CONSENSUS)
      for (const file of ["LICENSE", "README.md"])
        expect(existsSync(join(project, "node_modules/@halon", name, file)), `${file} of ${name}`).toBe(true);
  });

  it("reuse: have types that a strict project checks against", () => {
    const code = `
import { createMembership } from "@halon/consensus";
import { openJournalFile } from "@halon/journal-file";
import { Paxos } from "@halon/paxos";
import type { StateMachine } from "@halon/replicated-log";
import { LogMember, type LogMemberPorts } from "@halon/replicator";
import { consensusConformance } from "@halon/consensus/conformance";
export const machine: StateMachine = { apply: (payload) => payload, query: (payload) => payload };
export const found = (ports: LogMemberPorts): LogMember =>
  new LogMember({ self: "a", consensus: new Paxos({ group: "g", self: "a" }), machine, founding: createMembership(["a"]) }, ports);
export const all = [openJournalFile, consensusConformance];
`;
    const compilerOptions = {
      ...{ strict: true, noEmit: true, module: "nodenext", target: "es2023", skipLibCheck: false },
      ...{ types: ["node"], typeRoots: [join(ROOT, "node_modules/@types")] },
    };
    writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["consumer.ts"] }));
    const check = (text: string): string => {
      writeFileSync(join(project, "consumer.ts"), text);
      return spawnSync(join(ROOT, "node_modules/.bin/tsc"), ["-p", project], { encoding: "utf8" }).stdout;
    };
    expect(check(code)).toBe("");
    expect(check(`${code}\nexport const wrong: number = machine;`)).toMatch(/^\S*consumer\.ts.*StateMachine/);
  });
});

describe("reuse: examples/kv-store, from the tarballs", () => {
  const project = join(scratch, "kv-store");
  const running: KvMember[] = [];
  let members: readonly KvMember[];
  let peers: string;
  let ports: readonly number[];

  beforeAll(async () => {
    install(project, [...CONSENSUS, "store-lmdb"], join(ROOT, "examples/kv-store"));
    ports = await freePorts(6);
    peers = ["a", "b", "c"].map((id, at) => `${id}=127.0.0.1:${ports[at]}`).join(",");
    members = ["a", "b", "c"].map((id, at) => member(id, at));
  });
  afterEach(async () => {
    await Promise.all(running.map(async (each) => each.isRunning && (await each.end("SIGKILL"))));
    rmSync(join(project, "data"), { recursive: true, force: true });
  });

  function member(id: string, at: number): KvMember {
    const made = new KvMember(id, project, peers, ports[3 + at] ?? 0);
    running.push(made);
    return made;
  }
  const describeAll = (): string => running.map(({ id, output }) => `${id}: ${output}`).join("\n");
  /** The member that leads, in the eyes of all that run. */
  const leader = (): Promise<KvMember> =>
    until(async () => {
      const up = running.filter(({ isRunning }) => isRunning);
      const views = new Set(await Promise.all(up.map(async (each) => (await each.status())?.leader)));
      return views.size === 1 && up.find(({ id }) => views.has(id));
    }, describeAll);
  const readAll = async (from: KvMember, keys: Iterable<string>, query = ""): Promise<ReadonlyMap<string, string>> => {
    const found = await Promise.all([...keys].map(async (key) => [key, await from.read(key, query)] as const));
    return new Map(found);
  };
  /** Waits until `behind` has applied what `ahead` has by now. */
  async function caughtUp(behind: KvMember, ahead: KvMember): Promise<void> {
    const goal = (await ahead.status())?.applied ?? Number.POSITIVE_INFINITY;
    await until(async () => ((await behind.status())?.applied ?? 0) >= goal, describeAll);
  }

  it("reuse: survives kill -9 of its leader, of all, and keeps every acknowledged write, each applied once", async () => {
    for (const each of members) each.start("--new");
    const first = await leader();
    const [one, other] = members.filter((each) => each !== first) as [KvMember, KvMember];

    /** What was answered with 200. */
    const acknowledged = new Map<string, string>();
    let counted = 0;
    let unknown = 0;
    let onCounted = (): void => undefined;
    async function write(via: KvMember, key: string): Promise<void> {
      if ((await via.call("PUT", `/kv/${key}`, `value of ${key}`))?.status === 200)
        acknowledged.set(key, `200 value of ${key}`);
      if ((await via.call("POST", "/kv/count", "1"))?.status === 200) counted++;
      else unknown++;
      onCounted();
    }
    const writeMany = async (prefix: string): Promise<void> => {
      const writer = async (_: unknown, at: number): Promise<void> => {
        for (let round = 0; round < ROUNDS; round++) await write(at % 2 === 0 ? one : other, `${prefix}${at}-${round}`);
      };
      await Promise.all(Array.from({ length: WRITERS }, writer));
    };
    // In the middle of them: some are decided, and not answered yet.
    const isMiddle = new Promise<void>((done) => {
      onCounted = () => counted >= (WRITERS * ROUNDS) / 2 && done();
    });
    const during = writeMany("during");
    await isMiddle;
    await first.end("SIGKILL");
    await during;
    expect(await leader()).not.toBe(first);
    expect(acknowledged.size, describeAll()).toBeGreaterThan((WRITERS * ROUNDS) / 2);
    const before = acknowledged.size;
    await writeMany("after");
    expect(acknowledged.size - before, describeAll()).toBe(WRITERS * ROUNDS);

    for (const each of [one, other]) expect(await readAll(each, acknowledged.keys())).toEqual(acknowledged);
    const count = Number((await one.read("count")).split(" ")[1]);
    expect(count).toBeGreaterThanOrEqual(counted);
    expect(count).toBeLessThanOrEqual(counted + unknown);

    first.start();
    await leader();
    await caughtUp(first, one);
    expect(await readAll(first, acknowledged.keys(), "?stale")).toEqual(acknowledged);

    await Promise.all(members.map((each) => each.end("SIGKILL")));
    for (const each of members) each.start();
    await leader();
    for (const each of members) expect(await readAll(each, acknowledged.keys())).toEqual(acknowledged);
    expect(await first.read("count")).toBe(`200 ${count}`);
    expect(await first.read("never-written")).toBe("404 ");
  });

  it("reuse: refuses to start without its directory, and takes a new incarnation in its place", async () => {
    for (const each of members) each.start("--new");
    const first = await leader();
    const lost = members.find((each) => each !== first) as KvMember;
    expect((await first.call("PUT", "/kv/kept", "here"))?.status).toBe(200);
    await lost.end("SIGKILL");
    rmSync(lost.dir, { recursive: true });
    lost.start();
    expect(await lost.end()).not.toBe(0);
    expect(lost.output).toContain("is expected there: it was wiped");

    const next = member(`${lost.id}.2`, members.indexOf(lost));
    next.start("--new");
    const exchange = `/members?add=${next.id}&remove=${lost.id}`;
    await until(async () => (await first.call("PUT", exchange))?.status === 204, describeAll);
    await until(async () => (await next.status())?.members?.includes(next.id), describeAll);
    // Its vote is needed now.
    const third = members.find((each) => each !== first && each !== lost) as KvMember;
    await third.end("SIGKILL");
    await until(async () => (await next.call("PUT", "/kv/more", "there"))?.status === 200, describeAll);
    expect(await readAll(next, ["kept", "more"])).toEqual(
      new Map([
        ["kept", "200 here"],
        ["more", "200 there"],
      ]),
    );
  });
});

/** A queue of one replica, a directory that names it, and a producer that finds it: over the Transport port. */
const QUEUE_USE = `
import { EqTracker } from "@halon/eq-tracker";
import { enqueue, Producer, registerProducer } from "@halon/event-queue";
import { decodeStateCommand, encodeStateResult, Post, subjectsOf } from "@halon/proto";
import { MemoryReplicator } from "@halon/replicator";
import { systemRandom as random, VirtualClock } from "@halon/runtime";
import { MemoryStoreDisk, openStoreMemory } from "@halon/store-memory";
import { MemoryBus } from "@halon/transport-memory";

const clock = new VirtualClock();
const bus = new MemoryBus({ clock, random, network: () => [0.3] });
const [post, station] = ["user-1.tool", "s1.station"].map((sender) => new Post(bus.open(sender), random, { cluster: "c", sender }));
const directory = { stations: ["s1"], leader: "s1", transponders: [], monitors: [] };
station.subscribe(subjectsOf("c").directory, "directoryRequest", ({ respond }) => respond({ kind: "directory", value: directory }));
const store = openStoreMemory({ disk: new MemoryStoreDisk(), clock, flushMs: 1, identity: "s1" });
const apply = (payload, state, { logTimeMs }) => {
  const { kind, value } = decodeStateCommand(payload);
  return kind === "registerProducer"
    ? encodeStateResult({ kind: "register", value: { registered: registerProducer(state, value, logTimeMs) } })
    : encodeStateResult({ kind: "enqueue", value: { outcomes: enqueue(state, value, logTimeMs) } });
};
const replicator = new MemoryReplicator({ apply, query: (payload) => payload }, { clock, store });
const tracker = new EqTracker({ clock, random, post });
tracker.onChange(({ leader }) => console.log("leader", leader));
const producer = new Producer("user-1.tool", { clock, random, post, replicator, tracker });
producer.promulgate("backup-failed", Buffer.from("disk 3"), {}, ({ kind }) => console.log(kind));
clock.runUntil(10_000);
console.log(store.range({ from: "q/", to: "q0" }).length, "in the queue");
`;

describe("reuse: event-queue and eq-tracker in a project of somebody else's", () => {
  const project = join(scratch, "queue");
  beforeAll(() => install(project, [...QUEUE, "transport-memory", "store-memory"]));

  it("reuse: know the Transport port, not NATS", () => {
    expect(installed(project).filter((name) => FOREIGN.test(name))).toEqual([]);
    writeFileSync(join(project, "use.mjs"), QUEUE_USE);
    const output = execFileSync(process.execPath, ["use.mjs"], { cwd: project, encoding: "utf8" });
    expect(output.split("\n").toSorted().filter(Boolean)).toEqual(["1 in the queue", "leader s1", "stored"]);
  });
});
