import { connect, createServer } from "node:net";
import { memberName } from "@halon/consensus";

const HEAD_BYTES = 8;
const FRAME_BYTES_MAX = 2 * 1024 * 1024;
const OUTBOUND_BYTES_MAX = 32 * 1024 * 1024;
const REDIAL_MS = 100;

/** Sends length, token, payload; or drops them, if the peer is away or too slow: who needs it, sends it again. */
function write(socket, token, payload) {
  if (!socket?.writable || socket.writableLength > OUTBOUND_BYTES_MAX) return;
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32BE(payload.length);
  head.writeUInt32BE(token, 4);
  socket.write(Buffer.concat([head, payload]));
}

function read(socket, onFrame) {
  let waiting = Buffer.alloc(0);
  socket.setNoDelay().on("error", () => socket.destroy());
  socket.on("data", (bytes) => {
    waiting = Buffer.concat([waiting, bytes]);
    while (waiting.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + waiting.readUInt32BE();
      if (end > FRAME_BYTES_MAX) return socket.destroy();
      if (waiting.length < end) return;
      onFrame(waiting.readUInt32BE(4), new Uint8Array(waiting.subarray(HEAD_BYTES, end)));
      waiting = waiting.subarray(end);
    }
  });
}

const endpoint = (address) => ({ host: address.replace(/:\d+$/, ""), port: Number(address.replace(/^.*:/, "")) });

/**
 * Joins members, at `addresses` by name, over TCP. Each dials all others and says first who it is; token 0 is a message,
 * any other a request that is answered under the same one.
 */
export function openTcp(self, addresses, { onMessage, onRequest }) {
  const dialled = new Map();
  const waiting = new Map();
  let lastToken = 0;

  function settle(token, reply) {
    const { done, timer } = waiting.get(token) ?? {};
    clearTimeout(timer);
    if (waiting.delete(token)) done(reply);
  }
  function dial(name) {
    const socket = connect(endpoint(addresses.get(name)));
    read(socket, settle);
    write(socket, 0, Buffer.from(self));
    socket.on("close", () => setTimeout(dial, REDIAL_MS, name));
    dialled.set(name, socket);
  }
  function onDialler(socket) {
    let from;
    read(socket, (token, bytes) => {
      if (from === undefined) from = Buffer.from(bytes).toString();
      else if (token === 0) onMessage(from, bytes);
      else onRequest(bytes, (reply) => write(socket, token, reply));
    });
  }

  const others = [...addresses.keys()].filter((name) => name !== memberName(self));
  others.forEach(dial);
  createServer(onDialler).listen(endpoint(addresses.get(memberName(self))));
  return {
    send(to, bytes) {
      for (const name of to === "all" ? others : [memberName(to)]) write(dialled.get(name), 0, bytes);
    },
    request(to, bytes, timeoutMs, done) {
      lastToken = (lastToken % 0xffffffff) + 1;
      const token = lastToken;
      waiting.set(token, { done, timer: setTimeout(settle, timeoutMs, token) });
      if (memberName(to) !== memberName(self)) write(dialled.get(memberName(to)), token, bytes);
      else setImmediate(() => onRequest(bytes, (reply) => settle(token, reply)));
    },
  };
}
