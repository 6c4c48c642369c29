import { createServer, type Socket } from "node:net";
import { expect, it } from "vitest";
import { probe } from "../src/probe.ts";

const never = new AbortController().signal;

/** What probing a server that behaves like this ends with. */
async function probing(behave: (socket: Socket) => void, timeoutMs: number): Promise<string> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    behave(socket);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as { port: number };
  const outcome = probe({ host: "127.0.0.1", port }, timeoutMs, never).then(
    () => "greeted",
    (error: Error) => error.message,
  );
  const text = await outcome;
  // Ends only when no connection is left.
  await new Promise((closed) => server.close(closed));
  return text;
}

it("a NATS server greets", async () => {
  expect(await probing((socket) => socket.write('INFO {"server_id":"x"} \r\n'), 10_000)).toBe("greeted");
});

it("others are told apart", async () => {
  expect(await probing((socket) => socket.write("SSH-2.0-OpenSSH\r\n"), 10_000)).toBe(
    "what answers is not a NATS server",
  );
  expect(await probing((socket) => socket.end(), 10_000)).toBe("connection closed without a greeting");
  expect(await probing(() => {}, 20)).toBe("no greeting within 20 ms");
});
