import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Transport } from "@halon/runtime";
import { type NatsReport, openTransportNats } from "@halon/transport-nats";
import { afterEach, beforeEach, expect, it } from "vitest";
import { NatsOperator } from "./nats-operator.ts";
import { NatsServer } from "./nats-server.ts";
import { until } from "./station-group.ts";

let dir: string;
let operator: NatsOperator;
let server: NatsServer;
const opened: Transport[] = [];
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "halon-credentials-"));
  operator = new NatsOperator(dir);
  server = await NatsServer.start("-c", operator.configure());
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((transport) => transport.close()));
  await server?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const reports: NatsReport[] = [];
async function open(name: string, credentials?: string, signal = AbortSignal.timeout(20_000)): Promise<Transport> {
  const onReport = (report: NatsReport): void => void reports.push(report);
  const transport = await openTransportNats({ servers: [server.url], name, credentials, signal, onReport });
  opened.push(transport);
  return transport;
}

const ask = (transport: Transport, subject: string): Promise<string> =>
  new Promise((done) => transport.request(subject, Buffer.from("?"), 5_000, ({ kind }) => done(kind)));

it("O4 who has credentials is let in, and comes in again after the broker was restarted", async () => {
  const credentials = operator.issue("ann");
  const [answering, asking] = [await open("answering", operator.issue("bob")), await open("asking", credentials)];
  answering.subscribe("question", {}, ({ respond }) => respond?.(Buffer.from("!")));
  await until(
    async () => (await ask(asking, "question")) === "reply",
    () => "no answer",
  );
  await server.kill();
  // Renewed meanwhile: the new ones are taken.
  copyFileSync(operator.issue("ann-renewed"), credentials);
  await server.restart();
  await until(
    async () => (await ask(asking, "question")) === "reply",
    () => `no answer again: ${JSON.stringify(reports)}`,
  );
});

it("O4 who has none, or those of somebody else's servers, is not let in, and is told why", async () => {
  const stranger = new NatsOperator(mkdtempSync(join(dir, "stranger-")));
  for (const credentials of [undefined, stranger.issue("eve")]) {
    const refused = open("eve", credentials, AbortSignal.timeout(1_500));
    await expect(refused).rejects.toMatchObject({
      code: "unreachable",
      message: expect.stringMatching(/Authorization Violation/i),
    });
  }
});

it("what is no credentials file, or has run out, is refused before anybody is asked", async () => {
  const notAUser = join(dir, "not-a-user.creds");
  writeFileSync(notAUser, "hello");
  const cases: [string, RegExp][] = [
    [join(dir, "gone.creds"), /gone\.creds cannot be read .*ENOENT/],
    [notAUser, /no block "NATS USER JWT" in it: .*nsc/],
    [operator.issue("late", { expiresAt: 1_700_000_100 }), /ran out at 2023-11-14T22:15:00\.000Z/],
  ];
  for (const [path, why] of cases)
    await expect(open("ann", path)).rejects.toMatchObject({
      code: "bad-credentials",
      message: expect.stringMatching(why),
    });
});

it("what credentials do not allow is refused, and reported; the rest goes on", async () => {
  const some = await open("some", operator.issue("some", { allowed: ["mine.>"] }));
  reports.length = 0;
  some.publish("others.thing", Buffer.from("x"));
  await until(
    () => reports.some(({ kind }) => kind === "refused"),
    () => `nothing is reported: ${JSON.stringify(reports)}`,
  );
  some.subscribe("mine.thing", {}, ({ respond }) => respond?.(Buffer.from("!")));
  await until(
    async () => (await ask(some, "mine.thing")) === "reply",
    () => "no answer",
  );
});
