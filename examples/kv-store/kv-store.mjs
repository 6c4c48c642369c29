#!/usr/bin/env node
// One member of a replicated key-value store. How to run three, and what they promise, is in README.md.
import { createServer } from "node:http";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createMembership, memberName } from "@halon/consensus";
import { openJournalFile } from "@halon/journal-file";
import { Paxos } from "@halon/paxos";
import { LogMember, LogReplicator } from "@halon/replicator";
import { systemClock as clock, systemRandom as random } from "@halon/runtime";
import { openStoreLmdb } from "@halon/store-lmdb";
import { openTcp } from "./tcp.mjs";

const value = { type: "string" };
const options = { id: value, peers: value, http: value, dir: value, new: { type: "boolean" } };
const { id = "", peers = "", http = "", dir, new: isNew } = parseArgs({ options }).values;
const addresses = new Map(peers.split(",").map((peer) => peer.split("=")));
if (!addresses.has(memberName(id)) || !http.includes(":") || dir === undefined) {
  console.error("usage: kv-store.mjs --id a --peers a=HOST:PORT,b=… --http HOST:PORT --dir DIRECTORY [--new]");
  process.exit(2);
}

// ── what is replicated: a function of the commands so far, the same on every member ──────────────────────────────────

const KEY = /^[!-~]{1,512}$/;
const bytesOf = (text) => Buffer.from(String(text));
const encode = (act, key, body = "") => Buffer.concat([bytesOf(`${act} ${key}\n`), Buffer.from(body)]);
function decode(payload) {
  const end = payload.indexOf(10);
  const [act, key] = Buffer.from(payload.subarray(0, end)).toString().split(" ");
  return { act, key: `kv/${KEY.test(key) ? key : "~"}`, body: Buffer.from(payload.subarray(end + 1)) };
}
const machine = {
  apply(payload, state) {
    const { act, key, body } = decode(payload);
    const before = state.get(key);
    if (act === "DELETE") state.delete(key);
    if (act === "PUT") state.put(key, body);
    if (act === "POST") state.put(key, bytesOf(Number(Buffer.from(before ?? "0")) + Number(body)));
    return act === "POST" ? state.get(key) : bytesOf(before === undefined ? "was absent" : "was present");
  },
  query(payload, state) {
    const found = state.get(decode(payload).key);
    return found === undefined ? Buffer.alloc(0) : Buffer.concat([bytesOf("="), found]); // empty is not absent
  },
};

// ── the member: consensus, log and state machine on a journal, a store and the network ───────────────────────────────

const founders = createMembership([...addresses.keys()]);
const identity = `kv-store/${id}`;
const journal = await openJournalFile({ dir: join(dir, "journal"), identity, mode: isNew ? "create" : "existing" });
const store = await openStoreLmdb({ dir: join(dir, "store"), identity });
for (const part of [journal, store])
  part.onFailure((error) => {
    throw error;
  });
const { send, request } = openTcp(id, addresses, {
  onMessage: (from, bytes) => member.receive(from, bytes),
  onRequest: (bytes, reply) => member.submit(bytes, reply),
});
const client = new LogReplicator({ members: founders.members }, { clock, random, request });
const member = new LogMember(
  {
    self: id,
    consensus: new Paxos({ group: "kv-store", self: id }),
    machine,
    founding: founders.members.includes(id) ? founders : undefined, // c.2 did not found: it joins
    onLeader: (leader) => client.follow(founders.members, leader),
  },
  { clock, random, journal, store, send },
);
member.start();

// ── for clients: HTTP ────────────────────────────────────────────────────────────────────────────────────────────────

const CALL_MS = 10_000;
const BODY_BYTES_MAX = 250 * 1024;

/** The status and body to answer with. `show`: those of a result. After a timeout nobody can say what became of a call. */
const call = (start, show) =>
  new Promise((done) => {
    const giveUp = () => {
      cancel();
      done([504, "unknown: it may have happened, or happen yet"]);
    };
    const timer = setTimeout(giveUp, CALL_MS);
    const cancel = start(({ kind, result, message }) => {
      clearTimeout(timer);
      done(kind === "result" ? show(Buffer.from(result)) : [kind === "full" ? 503 : 409, message]);
    });
  });
const showFound = (found) => (found.length === 0 ? [404] : [200, found.subarray(1)]);

async function answer({ method, path, query, body }) {
  const key = /^\/kv\/(.+)$/.exec(path)?.[1] ?? "";
  if (path === "/status") {
    const { role, leader, membership, applied, phase } = member.status;
    return [200, JSON.stringify({ id, role, leader, members: membership?.members, applied, phase })];
  }
  if (path === "/members" && method === "PUT") {
    const change = Object.fromEntries(new URLSearchParams(query));
    return call(
      (done) => client.reconfigure(change, done),
      () => [204],
    );
  }
  if (!KEY.test(key)) return [404, "known are /kv/KEY, /status and /members"];
  if (body.length > BODY_BYTES_MAX) return [413, `at most ${BODY_BYTES_MAX} bytes are taken`];
  if (method === "POST" && !Number.isFinite(Number(body))) return [400, "POST adds the number in its body"];
  if (method === "GET" && query === "stale") return showFound(member.query(encode(method, key)) ?? "");
  if (method === "GET") return call((done) => client.query(encode(method, key), done), showFound);
  return call(
    (done) => client.update(encode(method, key, body), {}, done),
    (result) => [200, result],
  );
}

const server = createServer((request, response) => {
  const [path, query] = request.url.split("?");
  let body = Buffer.alloc(0);
  request.on("data", (chunk) => {
    if (body.length <= BODY_BYTES_MAX) body = Buffer.concat([body, chunk]);
  });
  request.on("end", () => {
    const { method } = request;
    void answer({ method, path, query, body }).then(([status, text]) => response.writeHead(status).end(text));
  });
});
const [host, port] = http.split(":");
server.listen(Number(port), host, () => console.log(`${id} answers on http://${http}`));
