import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Body,
  decodeEventPayload,
  decodeMessage,
  decodeNodeCommand,
  decodeStateCommand,
  encodeEventPayload,
  encodeMessage,
  encodeNodeCommand,
  encodeStateCommand,
  type Header,
  ProtoError,
  type StateCommand,
} from "../src/index.ts";

const text = fc.string({ maxLength: 12 });
const count = fc.nat({ max: 2 ** 31 - 1 });
const big = fc.maxSafeNat();
const bytes = fc.uint8Array({ maxLength: 24 }).map((array) => Uint8Array.from(array));
const several = <T>(each: fc.Arbitrary<T>) => fc.array(each, { maxLength: 3 });
const variant = <K extends string, V>(kind: K, value: fc.Arbitrary<V>) => value.map((each) => ({ kind, value: each }));
/** Maps with the names that our oneofs have: a map's keys are the sender's own. */
const env = fc.dictionary(fc.constantFrom("body", "action", "PATH", "env"), text);

const eventId = fc.record({ producer: text, incarnation: text, seq: big });
const event = fc.record({
  id: eventId,
  type: text,
  payload: bytes,
  traceparent: text,
  lowest: big,
  priority: count,
  registered: fc.boolean(),
});
const group = fc.record({
  producer: text,
  incarnation: text,
  first: big,
  lowest: big,
  priority: count,
  type: text,
  sizes: bytes,
  payloads: bytes,
  traceparent: text,
  registered: fc.boolean(),
});
const share = fc.record({ name: text, events: big, bytes: big, oldest: big, oldestLogTimeMs: big });
const range = fc.record({ first: big, last: big, priority: count });
const lease = fc.record({ epoch: big, holder: text, checkpoint: big });
const spec = fc.record({
  instance: text,
  service: text,
  generation: big,
  command: several(text),
  env,
  exclusive: fc.boolean(),
  restartsMax: count,
  restartWindowMs: count,
  cwd: text,
});
const welcome = fc.record({
  agentIncarnation: text,
  session: big,
  monitors: several(text),
  needed: count,
  instances: several(spec),
});
const command = fc.record({
  id: text,
  node: text,
  epoch: big,
  session: big,
  action: fc.oneof(
    variant("welcome", welcome),
    variant("start", fc.record({ spec })),
    variant("stop", fc.record({ instance: text, generation: big })),
  ),
});
const reply = fc.record({ id: text, outcome: text, message: text });
const accusation = fc.record({ monitor: text, silentMs: big });
const instanceState = fc.record({
  instance: text,
  generation: big,
  state: text,
  port: count,
  pid: count,
  restarts: count,
  reason: text,
});

const eventPayload = fc.oneof(
  variant(
    "nodeUp",
    fc.record({
      node: text,
      agentIncarnation: text,
      kind: text,
      roles: several(text),
      inventory: several(instanceState),
      session: big,
    }),
  ),
  variant("instanceChanged", fc.record({ node: text, state: instanceState })),
  variant("nodeUnreachable", fc.record({ node: text, session: big, accusations: several(accusation) })),
  variant("clusterSpec", fc.record({ json: text, prune: fc.boolean() })),
  variant("sessionBegun", fc.record({ node: text, agentIncarnation: text, session: big })),
  variant("monitorUp", fc.record({ monitor: text })),
);

const stateCommand = fc.oneof(
  variant("enqueue", fc.record({ events: several(event), groups: several(group) })),
  variant("registerProducer", fc.record({ producer: text, incarnation: text })),
  variant("clearQueue", fc.record({ through: big, type: text, priority: count, by: text, why: text, from: big })),
  variant("grantLease", fc.record({ epoch: big, checkpoint: big, holder: text })),
  variant(
    "checkpoint",
    fc.record({
      epoch: big,
      number: big,
      consumed: several(big),
      changes: several(fc.oneof(fc.record({ key: text }), fc.record({ key: text, value: bytes }))),
      decisions: several(
        fc.record({
          rule: text,
          instance: text,
          text,
          facts: text,
          events: several(text),
          logTimeMs: big,
          epoch: big,
        }),
      ),
      consumedRanges: several(range),
    }),
  ),
);

const nothing = fc.constant({});
const body = fc.oneof(
  variant("log", fc.record({ bytes })),
  variant("submit", fc.record({ bytes })),
  variant("submitReply", fc.record({ bytes })),
  variant(
    "query",
    fc.record({
      minApplied: big,
      body: fc.oneof(
        variant("page", fc.record({ from: text, to: text, limit: count, packed: fc.boolean() })),
        variant("events", fc.record({ after: big, limit: count, waitMs: count })),
        variant("lease", nothing),
        variant("status", nothing),
        variant("lane", fc.record({ priority: count, after: big, waitMs: count })),
        variant("queue", nothing),
      ),
    }),
  ),
  variant(
    "queryReply",
    fc.record({
      applied: big,
      logTimeMs: big,
      body: fc.oneof(
        variant(
          "page",
          fc.record({
            entries: several(fc.record({ key: text, value: bytes })),
            more: fc.boolean(),
            packed: bytes,
            next: text,
          }),
        ),
        variant("events", fc.record({ events: several(fc.record({ position: big, logTimeMs: big, event })) })),
        variant("lease", lease),
        variant("refused", text),
        variant(
          "lane",
          fc.record({
            pieces: several(
              fc.record({ stored: fc.record({ position: big, logTimeMs: big, group }), consumed: several(range) }),
            ),
          }),
        ),
        variant(
          "queue",
          fc.record({
            priorities: several(share),
            types: several(share),
            moreTypes: fc.boolean(),
            last: big,
            producers: big,
            counters: fc.dictionary(text, big),
          }),
        ),
      ),
    }),
  ),
  variant("announce", fc.record({ role: text, node: text, members: several(text), leader: text })),
  variant(
    "announce",
    fc.record({
      role: text,
      node: text,
      members: several(text),
      leader: text,
      station: fc.record({ clusterId: text, member: text, role: text, applied: big }),
    }),
  ),
  variant("directoryRequest", nothing),
  variant(
    "directory",
    fc.record({
      stations: several(text),
      leader: text,
      transponders: several(text),
      monitors: several(text),
      group: fc.record({ clusterId: text, members: several(text) }),
    }),
  ),
  variant("leaseNotice", fc.record({ station: text, lease })),
  variant("report", fc.record({ events: several(event) })),
  variant("reportAck", fc.record({ outcomes: several(fc.record({ kind: text, message: text })) })),
  variant("heartbeat", fc.record({ node: text, agentIncarnation: text, session: big, seq: big })),
  variant("heartbeatAck", fc.record({ monitor: text, session: big, seq: big })),
  variant("probe", fc.record({ node: text, session: big })),
  variant("probeReply", fc.record({ monitor: text, heard: fc.boolean(), silentMs: big })),
  variant("batch", fc.record({ id: text, commands: several(command) })),
  variant("batchReply", fc.record({ id: text, replies: several(reply) })),
  variant("command", command),
  variant("commandReply", reply),
  variant("activate", fc.record({ epoch: big, node: text })),
  variant("activateReply", fc.record({ outcome: text, message: text })),
  variant("healthRequest", nothing),
  variant("health", fc.record({ healthy: fc.boolean(), status: text })),
) as fc.Arbitrary<Body>;

const header: Header = { cluster: "c", sender: "n.s", incarnation: "i", id: "i-1", traceparent: "" };

/** Bytes come out as views of another class; what counts is what is in them. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([field, each]) => [field, plain(each)]));
}

describe("codec", () => {
  it("gives back every body as it was put in", () => {
    fc.assert(
      fc.property(body, (each) => {
        expect(plain(decodeMessage(encodeMessage({ header, body: each })))).toEqual(plain({ header, body: each }));
      }),
      { numRuns: 500 },
    );
  });

  it("gives back state commands, event payloads and node commands", () => {
    fc.assert(
      fc.property(stateCommand as fc.Arbitrary<StateCommand>, eventPayload, command, (state, payload, order) => {
        expect(plain(decodeStateCommand(encodeStateCommand(state)))).toEqual(plain(state));
        expect(plain(decodeEventPayload(encodeEventPayload(payload)))).toEqual(plain(payload));
        expect(plain(decodeNodeCommand(encodeNodeCommand(order)))).toEqual(plain(order));
      }),
    );
  });

  it("refuses any bytes that are no message, with its own error", () => {
    const whole = encodeMessage({ header, body: { kind: "health", value: { healthy: true, status: "{}" } } });
    fc.assert(
      fc.property(
        fc.oneof(
          bytes,
          fc.nat({ max: whole.length - 1 }).map((end) => whole.slice(0, end)),
        ),
        (noise) => {
          try {
            decodeMessage(noise);
          } catch (error) {
            expect(error).toBeInstanceOf(ProtoError);
          }
        },
      ),
      { numRuns: 500 },
    );
    expect(() => decodeMessage(whole.slice(0, 8))).toThrow(ProtoError);
    expect(() => decodeMessage(new Uint8Array(0))).toThrow("schema 0");
  });
});
