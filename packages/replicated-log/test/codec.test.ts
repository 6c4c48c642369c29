import { createMembership, MEMBERS_MAX } from "@halon/consensus";
import {
  COMMANDS_MAX,
  type Command,
  type CommandKind,
  decodeReconfigure,
  decodeReconfigured,
  decodeReply,
  decodeSubmit,
  encodeReconfigure,
  encodeReconfigured,
  encodeReply,
  encodeSubmit,
  LogCodecError,
  type Outcome,
  RESULT_BYTES_MAX,
  type RefusalCode,
} from "@halon/replicated-log";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DECREE_BYTES_MAX, decodeDecree, encodeDecree } from "../src/codec.ts";
import {
  decodeMembership,
  decodeResults,
  decodeSession,
  encodeMembership,
  encodeResults,
  encodeSession,
} from "../src/state-codec.ts";
import { command } from "./commands.ts";

/** Bytes as they come off the wire are Buffers, views on the frame. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
}

const ONE = Uint8Array.of(0);
const whole = fc.maxSafeNat();
const payload = fc.uint8Array({ maxLength: 40 });
const someCommand = fc.record({
  kind: fc.constantFrom<CommandKind[]>(
    "register",
    "update",
    "idempotent",
    "read",
    "stale",
    "reconfigure",
    "unsupported",
  ),
  session: whole,
  seq: whole,
  lowest: whole,
  payload,
});
const someOutcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.record({ kind: fc.constant("result" as const), result: payload }),
  fc.record({ kind: fc.constant("notLeader" as const), leader: fc.constantFrom("station-1", "b", undefined) }),
  fc.record({ kind: fc.constantFrom("unknown" as const, "busy" as const) }),
  fc.record({
    kind: fc.constant("refused" as const),
    code: fc.constantFrom<RefusalCode[]>(
      "too-large",
      "session-unknown",
      "answered",
      "window",
      "malformed",
      "conflict",
      "last-member",
      "not-caught-up",
      "no-quorum",
      "in-use",
    ),
    message: fc.string(),
  }),
);

function thrown(decode: () => unknown): unknown {
  try {
    decode();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe("codec", () => {
  it("brings commands, decrees, outcomes and sessions there and back", () => {
    fc.assert(
      fc.property(fc.array(someCommand, { maxLength: 8 }), fc.nat(1000), (commands, elapsedMs) => {
        expect(plain(decodeSubmit(encodeSubmit(commands)))).toEqual(plain(commands));
        expect(plain(decodeDecree(encodeDecree({ elapsedMs, commands })))).toEqual(plain({ elapsedMs, commands }));
      }),
    );
    fc.assert(
      fc.property(fc.array(someOutcome, { maxLength: 8 }), (outcomes) => {
        expect(plain(decodeReply(encodeReply(outcomes)))).toEqual(plain(outcomes));
      }),
    );
    fc.assert(
      fc.property(whole, whole, whole, (lowest, used, usedMs) => {
        expect(decodeSession(encodeSession({ lowest, used, usedMs }))).toEqual({ lowest, used, usedMs });
      }),
    );
  });

  it("brings commands of one client that follow each other there and back as one, and no others", () => {
    const next = fc.constantFrom<Partial<Command>>(
      {},
      { seq: 1 },
      { lowest: 1 },
      { session: 1 },
      { kind: "idempotent" },
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(next, payload), { maxLength: 20 }), (steps) => {
        const commands: Command[] = [];
        let last = command("update", "", { session: 7, seq: 100, lowest: 90 });
        for (const [step, each] of steps) {
          const { kind = last.kind, session = 0, seq = 0, lowest = 0 } = step;
          const moved = { session: last.session + session, lowest: last.lowest + lowest };
          last = { kind, ...moved, seq: last.seq + 1 + seq, payload: each };
          commands.push(last);
        }
        expect(plain(decodeSubmit(encodeSubmit(commands)))).toEqual(plain(commands));
      }),
    );
    const run = Array.from({ length: 100 }, (_, at) => command("update", "x", { session: 7, seq: 3 + at, lowest: 3 }));
    // Three bytes for each payload of one byte, and what they share once.
    expect(encodeSubmit(run).byteLength).toBeLessThan(100 * 3 + 20);
  });

  it("reads what was written before commands could share a message", () => {
    // Two UPDATEs of session 5, numbers 8 and 9, payloads "a" and "b"; and a REGISTER without a payload.
    const old = Uint8Array.of(
      ...[10, 11, 8, 2, 16, 5, 24, 8, 32, 8, 42, 1, 97],
      ...[10, 11, 8, 2, 16, 5, 24, 9, 32, 8, 42, 1, 98],
      ...[10, 2, 8, 1],
    );
    expect(plain(decodeSubmit(old))).toEqual(
      plain([
        command("update", "a", { session: 5, seq: 8, lowest: 8 }),
        command("update", "b", { session: 5, seq: 9, lowest: 8 }),
        command("register"),
      ]),
    );
  });

  it("says what many commands came to once, and refuses more outcomes than there can be commands", () => {
    const none: Outcome = { kind: "result", result: new Uint8Array(0) };
    expect(encodeReply(Array.from({ length: COMMANDS_MAX }, () => none)).byteLength).toBeLessThan(16);
    // One outcome, 2^31 times.
    const endless = Uint8Array.of(10, 8, 10, 0, 0x30, 0x80, 0x80, 0x80, 0x80, 0x08);
    expect(String(thrown(() => decodeReply(endless)))).toContain(`at most ${COMMANDS_MAX}`);
  });

  it("brings kept results there and back, the same one for many as one", () => {
    fc.assert(
      fc.property(fc.uniqueArray(whole, { maxLength: 9 }), (seqs) => {
        const own = seqs.map((seq) => Uint8Array.of(0, seq & 0xff));
        const one = seqs.map(() => ONE);
        for (const kept of [own, one])
          expect(plain(decodeResults(encodeResults({ seqs, kept })))).toEqual(plain({ seqs, kept }));
      }),
    );
    expect(encodeResults({ seqs: [1, 2, 3, 4], kept: [ONE, ONE, ONE, ONE] }).byteLength).toBeLessThan(12);
  });

  it("brings memberships and reconfigurations there and back", () => {
    const inForce = createMembership(["c", "a.1", "b"], 7);
    const decree = { elapsedMs: 1, commands: [], inForce, proposer: "a.1" };
    expect(decodeDecree(encodeDecree(decree))).toEqual(decree);
    expect(decodeMembership(encodeMembership({ membership: inForce, first: 9 }))).toEqual({
      membership: inForce,
      first: 9,
    });
    expect(decodeReconfigured(encodeReconfigured({ number: 0, membership: inForce }))).toEqual({
      number: 0,
      membership: inForce,
    });
    for (const each of [{}, { add: "a.1" }, { remove: "b" }, { add: "a.1", remove: "a.0", onlyIfSilent: true }])
      expect(decodeReconfigure(encodeReconfigure(each))).toEqual(each);
    expect(String(thrown(() => decodeReconfigure(encodeReconfigure({ add: "no such.member >" }))))).toContain("add is");
  });

  it("reserves enough for the largest membership", () => {
    const members = Array.from({ length: MEMBERS_MAX }, (_, at) => `${"m".repeat(62)}${10 + at}.${"9".repeat(16)}`);
    const inForce = createMembership(members, Number.MAX_SAFE_INTEGER);
    expect(
      encodeDecree({ elapsedMs: 1_000, commands: [], inForce, proposer: members[0] ?? "" }).byteLength,
    ).toBeLessThan(DECREE_BYTES_MAX);
  });

  it("takes a command of a newer version for one that it does not support, and loses nothing beside it", () => {
    const known = encodeSubmit([command("read", "x")]);
    const newer = Uint8Array.of(10, 2, 8, 99);
    expect(decodeSubmit(Uint8Array.of(...newer, ...known)).map(({ kind }) => kind)).toEqual(["unsupported", "read"]);
    expect(decodeSubmit(Uint8Array.of(10, 0)).map(({ kind }) => kind)).toEqual(["unsupported"]);
  });

  it("refuses a decree under a membership that can be none", () => {
    const inForce = { legislature: 1, members: ["a", "a"] };
    expect(thrown(() => decodeDecree(encodeDecree({ elapsedMs: 0, commands: [], inForce })))).toBeInstanceOf(
      LogCodecError,
    );
  });

  it("takes no bytes for the empty decree", () => {
    expect(decodeDecree(new Uint8Array(0))).toEqual({ elapsedMs: 0, commands: [] });
  });

  it("refuses garbage with one kind of error", () => {
    let refused = 0;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (garbage) => {
        for (const decode of [decodeSubmit, decodeReply, decodeDecree]) {
          const error = thrown(() => decode(garbage));
          if (error === undefined) continue;
          refused++;
          expect(error).toBeInstanceOf(LogCodecError);
        }
      }),
      { numRuns: 500 },
    );
    expect(refused).toBeGreaterThan(500);
  });

  it("refuses what is cut short", () => {
    const encoded = encodeSubmit([command("read", "x".repeat(50))]);
    for (let length = 1; length < encoded.byteLength; length++)
      expect(
        thrown(() => decodeSubmit(encoded.slice(0, length))),
        `${length} bytes`,
      ).toBeInstanceOf(LogCodecError);
  });

  it("refuses more commands than a message may have, and numbers that are none", () => {
    const many = Array.from({ length: COMMANDS_MAX + 1 }, () => command("read"));
    expect(String(thrown(() => decodeSubmit(encodeSubmit(many))))).toContain(`at most ${COMMANDS_MAX}`);
    // One UPDATE whose session is 2^63.
    const huge = Uint8Array.of(10, 13, 8, 2, 16, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01);
    expect(String(thrown(() => decodeSubmit(huge)))).toContain("above 2^53");
    const last = command("update", "", { session: 1, seq: Number.MAX_SAFE_INTEGER });
    expect(decodeSubmit(encodeSubmit([last]))).toHaveLength(1);
    // UPDATEs of session 1 in one message, from the last number there is on: one, and two.
    const body = [8, 2, 16, 1, 24, 255, 255, 255, 255, 255, 255, 255, 15, 42, 0];
    expect(decodeSubmit(Uint8Array.of(10, 15, ...body))).toHaveLength(1);
    const two = Uint8Array.of(10, 17, ...body, 42, 0);
    expect(String(thrown(() => decodeSubmit(two)))).toContain("goes up to");
  });

  it("takes a leader that can be no member's name for none", () => {
    const reply = encodeReply([{ kind: "notLeader", leader: "no such.member >" }]);
    expect(decodeReply(reply)).toEqual([{ kind: "notLeader", leader: undefined }]);
  });

  it("keeps a reply within what a bus carries: what is too much is told as unknown", () => {
    const large: Outcome = { kind: "result", result: new Uint8Array(RESULT_BYTES_MAX) };
    const reply = encodeReply([large, { kind: "busy" }, large, large, large]);
    expect(reply.byteLength).toBeLessThan(1024 * 1024);
    expect(decodeReply(reply).map(({ kind }) => kind)).toEqual(["result", "busy", "result", "result", "unknown"]);
  });
});
