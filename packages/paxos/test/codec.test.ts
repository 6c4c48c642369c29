import { createMembership } from "@halon/consensus";
import { Paxos, PaxosConfigError } from "@halon/paxos";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeMessage, decodeRecord, encodeMessage, encodeRecord } from "../src/codec.ts";
import { PaxosCodecError } from "../src/codec-error.ts";
import { halon } from "../src/gen/paxos.js";
import type { Content, Entry, PaxosMessage, PaxosRecord } from "../src/message.ts";
import { lineOf, messageOf } from "./lines.ts";
import { leader } from "./roles.ts";
import { encoded } from "./transcript.ts";

const count = fc.maxSafeNat();
const ballot = fc.record({ round: count, member: fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/) });
const value = fc.uint8Array({ maxLength: 300 });
const members = fc
  .uniqueArray(fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/), { minLength: 1, maxLength: 15 })
  .map((names) => createMembership(names).members);
const membership = fc.record({ legislature: count, members });
const content: fc.Arbitrary<Content> = fc.oneof(
  fc.record({ value }),
  fc.record({ value: fc.constant(new Uint8Array(0)), members }),
);
const kind = <K extends string>(name: K) => fc.constant(name);
/** With what the decree says. */
const saying = <T extends object>(rest: fc.Arbitrary<T>): fc.Arbitrary<T & Content> =>
  fc.tuple(rest, content).map(([fields, said]) => ({ ...fields, ...said }));
const entry: fc.Arbitrary<Entry> = saying(fc.record({ number: count, ballot }));

const message: fc.Arbitrary<PaxosMessage> = fc.oneof(
  fc.record({ kind: kind("probe"), chosen: count }),
  fc.record({ kind: kind("probeOk"), promised: ballot }),
  fc.record({ kind: kind("prepare"), ballot, from: count }),
  fc.record({ kind: kind("prepareOk"), ballot, chosen: count, entries: fc.array(entry), more: fc.boolean() }),
  fc.record({ kind: kind("refused"), promised: ballot }),
  saying(fc.record({ kind: kind("accept"), ballot, number: count, chosen: count })),
  fc.record({ kind: kind("acceptOk"), ballot, number: count }),
  fc.record({
    kind: kind("heartbeat"),
    ballot,
    chosen: count,
    round: count,
    leaseMs: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
  }),
  fc.record({ kind: kind("heartbeatOk"), ballot, round: count, granted: fc.boolean(), chosen: count }),
  fc.record({ kind: kind("learnRequest"), from: count }),
  fc.record({ kind: kind("learnReply"), from: count, values: fc.array(content), chosen: count, more: fc.boolean() }),
  fc.record({ kind: kind("learnTrimmed"), trimmed: count, chosen: count }),
  fc.record({ kind: kind("hello"), promised: ballot, accepted: count, chosen: count, ask: fc.boolean() }),
  fc.record({ kind: kind("disowned"), why: fc.string() }),
);

const record: fc.Arbitrary<PaxosRecord> = fc.oneof(
  fc.record({ kind: kind("promised"), ballot }),
  saying(fc.record({ kind: kind("accepted"), ballot, number: count, chosen: count, legislature: count })),
  saying(fc.record({ kind: kind("learned"), number: count })),
  fc.record({ kind: kind("base"), number: count, membership, promised: ballot, boot: count }),
  fc.record({ kind: kind("boot"), boot: count }),
);

const addressed = fc.record({ group: fc.string({ minLength: 1 }), legislature: fc.nat(), boot: count, message });

/** Plain arrays in place of the views that decoding yields. */
function plain(thing: unknown): unknown {
  if (ArrayBuffer.isView(thing)) return [...(thing as Uint8Array)];
  if (Array.isArray(thing)) return thing.map(plain);
  if (typeof thing !== "object" || thing === null) return thing;
  return Object.fromEntries(Object.entries(thing).map(([name, field]) => [name, plain(field)]));
}

describe("codec", () => {
  it("every message comes back as it was", () => {
    fc.assert(
      fc.property(addressed, (one) => {
        expect(plain(decodeMessage(encodeMessage(one)))).toEqual(plain(one));
      }),
    );
  });

  it("every record comes back as it was", () => {
    fc.assert(
      fc.property(record, (one) => {
        expect(plain(decodeRecord(encodeRecord(one)))).toEqual(plain(one));
      }),
    );
  });

  it("no cut-off message makes sense", () => {
    fc.assert(
      fc.property(addressed, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (one, where) => {
        const bytes = encodeMessage(one);
        expect(() => decodeMessage(bytes.subarray(0, Math.floor(where * bytes.length)))).toThrow(PaxosCodecError);
      }),
    );
  });

  it("garbage is refused with its own error or read as something, nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const decode of [decodeMessage, decodeRecord])
          try {
            decode(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(PaxosCodecError);
          }
      }),
    );
  });

  it("numbers above 2^53 are refused", () => {
    const bytes = encodeRecord({ kind: "learned", number: 2 ** 60, value: new Uint8Array(0) });
    expect(() => decodeRecord(bytes)).toThrow("learned.number");
  });

  it("a list of members that can make no group is refused", () => {
    const stop = { kind: "learned", number: 1, value: new Uint8Array(0), members: ["a", "a"] } as const;
    expect(() => decodeRecord(encodeRecord(stop))).toThrow(PaxosCodecError);
    const base = { kind: "base", number: 0, promised: { round: 0, member: "" }, boot: 0 } as const;
    const empty = { ...base, membership: { legislature: 1, members: [] } };
    expect(() => decodeRecord(encodeRecord(empty))).toThrow(/legislature 1/);
  });

  it("the transcripts' text says the same", () => {
    for (const line of [
      "prepareOk ballot=3.b chosen=2 entries=[3:1.a:x,4:2.c:stop(a+b.2+d)] more=true",
      "accept ballot=3.b number=4 chosen=3 value= members=a+b",
      "hello promised=0.- accepted=4 chosen=3 ask=true",
      "learnReply from=3 values=[x,stop(a+b)] chosen=4 more=true",
    ])
      expect(lineOf(messageOf(line))).toBe(line);
  });
});

describe("bad input", () => {
  const said = (bytes: PaxosMessage, group = "g"): Uint8Array => encoded(bytes, group);

  function refuses(core: Paxos, from: string, bytes: Uint8Array): void {
    const before = core.status;
    expect(core.step({ kind: "message", from, bytes }, 1)).toEqual([]);
    expect(core.status).toEqual({ ...before, refused: before.refused + 1 });
  }

  /** The core in question has something to lose. */
  function busy(): Paxos {
    const a = leader();
    a.run("propose x");
    expect(a.core.status).toMatchObject({ role: "leader", inFlight: 1 });
    return a.core;
  }

  it("of another group, or in another's ballot: refused, counted, no effect", () => {
    const core = busy();
    fc.assert(
      fc.property(message, (one) => {
        refuses(core, "b", said(one, "other"));
        if (one.kind === "prepare" || one.kind === "accept" || one.kind === "heartbeat") refuses(core, "b", said(one));
      }),
    );
  });

  it("a stranger's word changes nothing that was agreed on, whatever it is", () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), (all) => {
        const core = busy();
        const { role, ballot: promised, chosen, inFlight, leader: who } = core.status;
        for (const one of all) {
          core.step({ kind: "message", from: "mallory", bytes: said(one) }, 1);
          expect(core.status).toMatchObject({ role, ballot: promised, chosen, inFlight, leader: who });
        }
      }),
    );
  });

  it("cut off or garbage: refused, counted, no effect", () => {
    const core = busy();
    fc.assert(
      fc.property(message, fc.nat(), fc.uint8Array({ maxLength: 100 }), (one, where, garbage) => {
        const bytes = said(one);
        refuses(core, "b", bytes.subarray(0, where % bytes.length));
        refuses(core, "b", garbage);
      }),
    );
  });

  it("a ballot that would leave no room for others is refused", () => {
    const core = busy();
    for (const line of [
      `accept ballot=${2 ** 40}.b number=1`,
      `refused promised=${2 ** 40}.b`,
      `hello promised=${2 ** 40}.b`,
    ])
      refuses(core, "b", said(messageOf(line)));
  });

  it("a heartbeat of a version that did not tell its lease has one of 500 ms", () => {
    const bytes = halon.paxos.v1.Message.encode({ group: "g", heartbeat: { ballot: { member: "a" } } }).finish();
    expect(decodeMessage(bytes).message).toMatchObject({ kind: "heartbeat", leaseMs: 500 });
  });

  it("a configuration that cannot work is refused with what to change", () => {
    const config = { group: "g", self: "a" };
    expect(() => new Paxos({ ...config, self: "a.B" })).toThrow(/"a.B" names no member/);
    expect(() => new Paxos({ ...config, leaseMs: 239 })).toThrow(/below three heartbeats of 80 ms/);
    expect(() => new Paxos({ ...config, leaseMs: 501, electionMs: 600, grantMsMax: 500 })).toThrow(
      /grantMsMax 500 is below leaseMs 501/,
    );
    expect(() => new Paxos({ ...config, electionMs: 300 })).toThrow(
      /electionMs 300 .* 310 ms.*raise it, or lower leaseMs/,
    );
    expect(() => new Paxos({ ...config, electionMs: Number.NaN })).toThrow(PaxosConfigError);
    expect(() => new Paxos({ ...config, leaseMs: Number.NaN })).toThrow(PaxosConfigError);
    expect(() => new Paxos({ ...config, alpha: 0 })).toThrow(/alpha is 0/);
    expect(() => new Paxos({ ...config, alpha: 257 })).toThrow(/at most 256/);
    expect(() => new Paxos({ ...config, resendMs: Number.NaN })).toThrow(/resendMs/);
  });

  it("a group is founded once, in an empty journal, by who is in it", () => {
    const made = createMembership(["a", "b"]);
    const stranger = new Paxos({ group: "g", self: "x" });
    expect(() => stranger.step({ kind: "found", membership: made }, 0)).toThrow(/x founds/);
    const again = new Paxos({ group: "g", self: "a" });
    again.step({ kind: "restore", record: encodeRecord({ kind: "boot", boot: 1 }), seq: 1 }, 0);
    expect(() => again.step({ kind: "found", membership: made }, 0)).toThrow(/empty journal/);
  });
});
