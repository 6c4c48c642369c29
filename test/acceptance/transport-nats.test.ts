import { rm, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { OUTBOUND_BYTES_MAX, type RequestOutcome, type Transport } from "@halon/runtime";
import { transportConformance } from "@halon/runtime/conformance";
import { type NatsReport, openTransportNats } from "@halon/transport-nats";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { NatsServer } from "./nats-server.ts";

const UNTIL_MS = 30_000;

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + UNTIL_MS;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`does not hold after ${UNTIL_MS} ms: ${condition}`);
    await wait(2);
  }
}

let server: NatsServer;
beforeAll(async () => {
  server = await NatsServer.start();
});
afterAll(() => server?.stop());

const opened: Transport[] = [];
const reports: NatsReport[] = [];

async function open(name: string, servers: readonly string[] = [server.url]): Promise<Transport> {
  const transport = await openTransportNats({ servers, name, onReport: (report) => reports.push(report) });
  opened.push(transport);
  return transport;
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((transport) => transport.close()));
  reports.length = 0;
});

/** Resolves when the server has taken all that the transport sent before. */
async function settled(transport: Transport, name: string): Promise<void> {
  let isBack = false;
  const subscription = transport.subscribe(`settled.${name}`, {}, () => {
    isBack = true;
  });
  transport.publish(`settled.${name}`, new Uint8Array());
  await until(() => isBack);
  subscription.unsubscribe();
}

describe("conformance", () => {
  transportConformance({ describe, it, expect }, async () => {
    let isCut = false;
    const heal = async (): Promise<void> => {
      if (isCut) await server.restart();
      isCut = false;
    };
    return {
      open,
      until,
      cut: async () => {
        isCut = true;
        await server.kill();
      },
      heal,
      close: heal,
    };
  });
});

describe("a broker restarted under traffic", () => {
  it("nothing published during the outage shows up later, and each message is counted", async () => {
    const [sender, receiver] = [await open("sender"), await open("receiver")];
    const received = new Set<number>();
    receiver.subscribe("traffic", {}, ({ payload }) => received.add(Buffer.from(payload).readUInt32LE()));
    await settled(receiver, "receiver");
    const duringOutage: number[] = [];
    let sent = 0;
    const traffic = setInterval(() => {
      const payload = new Uint8Array(4);
      new DataView(payload.buffer).setUint32(0, sent, true);
      if (!sender.connected) duringOutage.push(sent);
      sender.publish("traffic", payload);
      sent++;
    }, 1);
    try {
      await until(() => received.size >= 50);
      for (let round = 0; round < 3; round++) {
        await server.kill();
        await until(() => !sender.connected && !receiver.connected);
        const before = sender.counters.droppedUnconnected;
        await until(() => sender.counters.droppedUnconnected >= before + 50);
        await server.restart();
        await until(() => sender.connected && receiver.connected);
        const reached = received.size;
        await until(() => received.size >= reached + 50);
      }
    } finally {
      clearInterval(traffic);
    }
    await settled(sender, "sender");
    await settled(receiver, "receiver");
    expect(duringOutage.filter((number) => received.has(number))).toEqual([]);
    expect(sender.counters.droppedUnconnected).toBe(duringOutage.length);
    expect(sender.counters.published).toBe(sent + 1 - duringOutage.length);
  });

  it("requests go on by themselves, and each ends once", async () => {
    const [client, service] = [await open("client"), await open("service")];
    service.subscribe("ask", { queue: "services" }, ({ payload, respond }) => respond?.(payload));
    await settled(service, "service");
    const outcomes: RequestOutcome["kind"][] = [];
    let asked = 0;
    const ask = (): void => {
      asked++;
      client.request("ask", new Uint8Array(8), 300, ({ kind }) => outcomes.push(kind));
    };
    const traffic = setInterval(ask, 2);
    try {
      await until(() => outcomes.length >= 20);
      await server.kill();
      await until(() => outcomes.filter((kind) => kind === "unsent").length >= 20);
      await server.restart();
      const before = outcomes.length;
      await until(() => outcomes.slice(before).filter((kind) => kind === "reply").length >= 20);
    } finally {
      clearInterval(traffic);
    }
    await until(() => outcomes.length >= asked);
    await settled(client, "client");
    expect(outcomes.length).toBe(asked);
  });
});

describe("a paused broker", () => {
  it("is noticed by an unanswered ping, although connections stay, and found again when it goes on", async () => {
    const a = await open("a");
    await settled(a, "a");
    server.pause();
    try {
      const start = performance.now();
      await until(() => !a.connected);
      // Two ping intervals; the rest is for a loaded machine.
      expect(performance.now() - start).toBeLessThan(5_000);
      expect(reports.at(-1)).toEqual({
        kind: "lost",
        server: `127.0.0.1:${server.port}`,
        why: "no answer to a ping within 700 ms",
      });
    } finally {
      server.resume();
    }
    await until(() => a.connected);
    await settled(a, "a");
  });

  it("does not take up unbounded memory, and is left although much is stuck in the socket", async () => {
    const [a, b] = [await open("a"), await open("b")];
    const large = new Uint8Array(512 * 1024);
    server.pause();
    try {
      const attempts = (2 * OUTBOUND_BYTES_MAX) / large.length;
      for (let n = 0; n < attempts; n++) a.publish("much", large);
      const fitting = Math.floor(OUTBOUND_BYTES_MAX / (large.length + 100));
      expect(a.counters.published).toBe(fitting);
      expect(a.counters.droppedOutbound).toBe(attempts - fitting);
      const outcomes: RequestOutcome["kind"][] = [];
      a.request("much", large, 60_000, ({ kind }) => outcomes.push(kind));
      await until(() => outcomes.length > 0);
      expect(outcomes).toEqual(["unsent"]);
      await until(() => !a.connected);
    } finally {
      server.resume();
    }
    await until(() => a.connected && b.connected);
    const before = a.counters.droppedOutbound;
    let received = 0;
    b.subscribe("much", {}, () => received++);
    await settled(b, "b");
    for (let n = 0; n < 8; n++) a.publish("much", large);
    await until(() => received === 8);
    expect(a.counters.droppedOutbound).toBe(before);
  });

  it("under steady traffic the bound is never met: what the server took no longer counts", async () => {
    const a = await open("a");
    const large = new Uint8Array(1024 * 1024);
    for (let round = 0; round < 6; round++) {
      for (let n = 0; n < 16; n++) a.publish("steady", large);
      await settled(a, "a");
    }
    expect(a.counters.droppedOutbound).toBe(0);
  });
});

describe("opening", () => {
  it("waits for the broker, says so, and is through when it comes", async () => {
    await server.kill();
    const opening = open("early");
    try {
      await until(() => reports.some(({ kind }) => kind === "waiting"));
    } finally {
      await server.restart();
    }
    await opening;
    const [first] = reports;
    expect(first?.kind === "waiting" && first.why).toBe(`127.0.0.1:${server.port}: ECONNREFUSED`);
    expect(reports.at(-1)).toEqual({ kind: "connected", server: `127.0.0.1:${server.port}` });
  });

  it("ends as unreachable when the signal gives up, and leaves no socket behind", async () => {
    const sockets = new Set<Socket>();
    const mute = createServer((socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
      socket.on("error", () => {});
    });
    await new Promise<void>((listening) => mute.listen(0, "127.0.0.1", listening));
    const { port } = mute.address() as { port: number };
    const giveUp = new AbortController();
    const opening = openTransportNats({ servers: [`127.0.0.1:${port}`], name: "x", signal: giveUp.signal });
    const outcome = opening.then(
      () => "opened",
      (error: { code?: string }) => error.code,
    );
    await until(() => sockets.size > 0);
    giveUp.abort();
    expect(await outcome).toBe("unreachable");
    await until(() => sockets.size === 0);
    mute.close();
  });

  it("takes the first of several servers that answers, and another one when that dies", async () => {
    const second = await NatsServer.start();
    try {
      const a = await open("a", [server.url, second.url]);
      const used = reports.at(-1);
      const victim = used?.kind === "connected" && used.server.endsWith(`:${second.port}`) ? second : server;
      await victim.kill();
      await until(() => !a.connected);
      await until(() => a.connected);
      await settled(a, "a");
      if (victim === server) await server.restart();
    } finally {
      await second.stop();
    }
  });

  it("refuses addresses and names that cannot be", async () => {
    const codeOf = (servers: string[], name: string): Promise<unknown> =>
      openTransportNats({ servers, name }).catch((error: { code?: string }) => error.code);
    expect(await codeOf([], "x")).toBe("bad-address");
    expect(await codeOf(["http://somewhere"], "x")).toBe("bad-address");
    expect(await codeOf([server.url], "a b")).toBe("bad-subject");
  });
});

it("what the broker does not allow is reported, and the connection goes on", async () => {
  const file = join(tmpdir(), `halon-permissions-${process.pid}.conf`);
  await writeFile(
    file,
    'authorization {\n  users = [{ user: "u", password: "p w", permissions: { publish: ["ok", "settled.*"], subscribe: [">"] } }]\n}\n',
  );
  const guarded = await NatsServer.start("-c", file);
  try {
    const a = await open("a", [`nats://u:p%20w@127.0.0.1:${guarded.port}`]);
    a.publish("forbidden", new Uint8Array());
    await until(() => reports.some(({ kind }) => kind === "refused"));
    expect(reports.at(-1)).toEqual({
      kind: "refused",
      server: `127.0.0.1:${guarded.port}`,
      why: "PERMISSIONS_VIOLATION: publish forbidden",
    });
    await settled(a, "a");
  } finally {
    await guarded.stop();
    await rm(file);
  }
});
