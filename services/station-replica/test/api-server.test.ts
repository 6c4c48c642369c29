import { once } from "node:events";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import {
  type Client,
  credentials,
  loadPackageDefinition,
  makeClientConstructor,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import type { PromulgateOutcome } from "@halon/event-queue";
import { systemClock, VirtualClock } from "@halon/runtime";
import { service as healthService } from "grpc-health-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ApiServer, Handlers, QueueHandlers, REQUEST_BYTES_MAX, SERVICE, serveApi } from "../src/api/index.ts";
import { Listening } from "../src/api/listening.ts";
import { CLUSTER, storeOf } from "./graph-store.ts";

const LOADING = { longs: Number, enums: String, defaults: true, oneofs: true };
const REFLECTION = new URL("../../", import.meta.resolve("@grpc/reflection"));
const HALON = fileURLToPath(import.meta.resolve("@halon/proto/api/halon/v1/halon.proto"));
const ANY_PORT = "127.0.0.1:0";
const DEADLINE_MS = 20_000;

type Method = (
  request: object,
  options: { deadline: number },
  done: (error: ServiceError | null, reply: never) => void,
) => { cancel(): void };
type Methods = Client & Record<string, Method>;

const STATUS = {
  ...{ node: "station-1", clusterId: "id", role: "leader", leader: "station-1", members: ["station-1"], chosen: 3 },
  ...{ lease: { epoch: 2 ** 40, holder: "station-1", checkpoint: 5 }, eventsQueued: 1, counters: {} },
};

let promulgated: { type: string; payload: Uint8Array; done: (outcome: PromulgateOutcome) => void }[] = [];
let bugs: unknown[] = [];
let server: ApiServer;
let client: Methods;
const handlers = new Handlers({
  cluster: "c",
  queue: new QueueHandlers({ ask: () => undefined, replicator: { update: () => () => undefined } }),
  store: storeOf(CLUSTER),
  ask: (_, answer) => answer({ applied: 3, logTimeMs: 0, body: { kind: "status", value: STATUS } }),
  promulgate: (type, payload, _, done) => {
    if (type === "bug") throw new Error("a bug");
    if (type === "wait") promulgated.push({ type, payload, done });
    else {
      promulgated.push({ type, payload: Uint8Array.from(payload), done });
      done(type === "full" ? { kind: "full" } : { kind: "stored" });
    }
  },
  untilConsumed: () => Promise.resolve(true),
  isServing: () => true,
  stations: () => [{ node: "station-1", member: "station-1.0", votes: true, role: "leader", applied: 3 }],
  changeStations: () => Promise.resolve({ outcome: "changed", message: "", members: ["station-1", "station-2"] }),
});
const serve = (address = ANY_PORT): Promise<ApiServer> =>
  serveApi(handlers, { address, clock: systemClock, onBug: (error) => bugs.push(error) });

beforeEach(async () => {
  promulgated = [];
  bugs = [];
  server = await serve();
  const tree = loadPackageDefinition(loadSync(HALON, LOADING)) as unknown as {
    halon: { v1: { Halon: new (...args: ConstructorParameters<typeof Client>) => Methods } };
  };
  client = new tree.halon.v1.Halon(`127.0.0.1:${server.port}`, credentials.createInsecure());
});
afterEach(async () => {
  client.close();
  await server.stop();
});

function call<Reply = Record<string, unknown>>(method: string, request: object, spanMs = DEADLINE_MS): Promise<Reply> {
  return new Promise((resolve, reject) =>
    client[method]?.(request, { deadline: Date.now() + spanMs }, (error, reply) =>
      error ? reject(error) : resolve(reply as Reply),
    ),
  );
}

describe("halon.v1.Halon over gRPC", () => {
  it("tells the status", async () => {
    const reply = await call("GetStatus", {});
    expect(reply).toMatchObject({
      ...{ cluster: "c", clusterId: "id", station: "station-1", leader: "station-1", members: ["station-1"] },
      ...{ applied: 3, epoch: 2 ** 40, coordinator: "station-1", checkpoint: 5, eventsQueued: 1, moreNodes: false },
      nodes: [
        { name: "station-1", kind: "station", state: "up", roles: ["station-replica", "monitor"], instances: 1 },
        { name: "user-1", kind: "user", state: "down", roles: ["node-agent"], instances: 2 },
      ],
    });
  });

  it("stores an event, byte for byte", async () => {
    const payload = Uint8Array.from({ length: 256 }, (_, at) => at);
    expect(await call("SubmitEvent", { type: "disk-failed", payload })).toEqual({});
    expect(promulgated.map(({ type, payload: stored }) => [type, [...stored]])).toEqual([
      ["disk-failed", [...payload]],
    ]);
  });

  it("queries the graph and lists services", async () => {
    const { vertices } = await call<{ vertices: { id: string; edges: object[] }[] }>("QueryGraph", {
      type: "Instance",
    });
    expect(vertices.map(({ id, edges }) => [id, edges.length])).toEqual([
      ["db/0", 2],
      ["web/0", 2],
      ["web/1", 2],
      ["web/2", 1],
    ]);
    const { services } = await call<{ services: { name: string; instances: object[] }[] }>("ListServices", {});
    expect(services.map(({ name, instances }) => [name, instances.length])).toEqual([
      ["db", 1],
      ["idle", 0],
      ["web", 3],
    ]);
  });

  it("applies a cluster.yaml, or lists its mistakes", async () => {
    const text = "services: { web: { command: [a] } }";
    expect(await call("Apply", { text })).toEqual({ mistakes: [], handled: true, services: 1 });
    expect(promulgated.map(({ type }) => type)).toEqual(["cluster-spec"]);
    const { mistakes } = await call<{ mistakes: object[] }>("Apply", { text: "services: 3" });
    expect(mistakes).toMatchObject([{ line: 1, column: 1, path: "services" }]);
    expect(promulgated.length).toBe(1);
  });

  it.each([
    ["NOT_FOUND", "QueryGraph", { type: "Node", id: "x" }, /there is no Node "x"/],
    ["INVALID_ARGUMENT", "QueryGraph", { type: "a b" }, /1 to 40 of A-Z/],
    ["RESOURCE_EXHAUSTED", "SubmitEvent", { type: "full" }, /do a majority of the stations run/],
    ["RESOURCE_EXHAUSTED", "SubmitEvent", { type: "t", payload: Buffer.alloc(REQUEST_BYTES_MAX) }, /larger than max/],
  ] as const)("says %s to %s", async (code, method, request, details) => {
    await expect(call(method, request)).rejects.toMatchObject({
      code: status[code],
      details: expect.stringMatching(details),
    });
    await expect(call("GetStatus", {})).resolves.toBeDefined();
  });

  it("tells a bug to its log, and the caller that it is one", async () => {
    await expect(call("SubmitEvent", { type: "bug" })).rejects.toMatchObject({ code: status.INTERNAL });
    expect(bugs).toEqual([new Error("a bug")]);
  });

  it("answers before the caller's deadline what is known by then", async () => {
    await expect(call("SubmitEvent", { type: "wait" }, 400)).rejects.toMatchObject({
      code: status.DEADLINE_EXCEEDED,
      details: expect.stringMatching(/The event may be stored, now or later/),
    });
    promulgated[0]?.done({ kind: "stored" });
  });

  it("ends the waiting of its callers when it stops", async () => {
    const waiting = call("SubmitEvent", { type: "wait" });
    waiting.catch(() => undefined);
    while (promulgated.length === 0) await new Promise(setImmediate);
    await server.stop();
    await expect(waiting).rejects.toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringMatching(/ask another/),
    });
    await expect(call("GetStatus", {}, 500)).rejects.toBeDefined();
  });

  it("lives on when it is sent garbage", async () => {
    const garbage = Buffer.from("ff".repeat(64), "hex");
    const raw = client.makeUnaryRequest(
      `/${SERVICE}/SubmitEvent`,
      () => garbage,
      (bytes) => bytes,
      {},
      () => undefined,
    );
    await new Promise((resolve) => raw.once("status", resolve));
    const socket = connect(server.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.end(Buffer.from("GET / HTTP/1.1\r\n\r\n\u0000\u0001\u0002"));
    socket.resume();
    await new Promise((resolve) => socket.once("close", resolve));
    await expect(call("GetStatus", {})).resolves.toBeDefined();
    expect(bugs).toEqual([]);
    expect(promulgated).toEqual([]);
  });

  it("answers health checks", async () => {
    const Health = makeClientConstructor(healthService, "grpc.health.v1.Health");
    const health = new Health(`127.0.0.1:${server.port}`, credentials.createInsecure()) as unknown as Methods;
    for (const service of ["", SERVICE]) {
      const reply = await new Promise((resolve, reject) =>
        health["Check"]?.({ service }, { deadline: Date.now() + DEADLINE_MS }, (error, answer) =>
          error ? reject(error) : resolve(answer),
        ),
      );
      expect(reply).toEqual({ status: "SERVING" });
    }
    health.close();
  });

  it("describes itself by reflection", async () => {
    const listed = await reflected({ listServices: "*" });
    expect(listed).toMatchObject({
      listServicesResponse: { service: expect.arrayContaining([{ name: SERVICE }]) },
    });
    expect(await reflected({ fileContainingSymbol: `${SERVICE}.Apply` })).toMatchObject({
      fileDescriptorResponse: { fileDescriptorProto: [expect.any(Buffer)] },
    });
  });

  it("is refused an address that is taken, by name", async () => {
    await expect(serve(`127.0.0.1:${server.port}`)).rejects.toThrow(/EADDRINUSE/);
  });
});

/** The answer to one question to the reflection service. */
async function reflected(question: object): Promise<unknown> {
  const path = fileURLToPath(new URL("build/proto/grpc/reflection/v1/reflection.proto", REFLECTION));
  const tree = loadPackageDefinition(loadSync(path, LOADING)) as unknown as {
    grpc: { reflection: { v1: { ServerReflection: new (...args: ConstructorParameters<typeof Client>) => Client } } };
  };
  const reflection = new tree.grpc.reflection.v1.ServerReflection(
    `127.0.0.1:${server.port}`,
    credentials.createInsecure(),
  ) as unknown as { ServerReflectionInfo(): Duplex; close(): void };
  const stream = reflection.ServerReflectionInfo();
  stream.write(question);
  const [answer] = await once(stream, "data");
  stream.end();
  reflection.close();
  return answer;
}

describe("an address", () => {
  it("that is taken is said once, and had as soon as it is free", async () => {
    const clock = new VirtualClock();
    const lines: string[] = [];
    const line = (text: unknown): unknown => lines.push(String(text));
    const address = `127.0.0.1:${server.port}`;
    const listening = new Listening(handlers, address, { clock, log: { info: line, warn: line, error: line } });
    await listening.begin();
    expect(lines).toEqual([
      expect.stringMatching(/^the API cannot listen at 127.0.0.1:\d+: .*EADDRINUSE.*Give another/),
    ]);
    expect(listening.status).toMatchObject({ api: "off", apiWhy: lines[0] });
    // Once more while it is taken: nothing new to say.
    clock.step();
    while (clock.nextAtMs === undefined) await new Promise(setImmediate);
    client.close();
    await server.stop();
    clock.step();
    while (lines.length === 1) await new Promise(setImmediate);
    expect(lines.slice(1)).toEqual([`the API listens at ${address}`]);
    expect(listening.status).toEqual({ api: address });
    await listening.stop();
  });
});
