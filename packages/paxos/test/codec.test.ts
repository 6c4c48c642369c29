import { createMembership } from "@halon/consensus";
import { Paxos, PaxosConfigError } from "@halon/paxos";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeMessage, decodeRecord, encodeMessage, encodeRecord, PaxosCodecError } from "../src/codec.ts";
import type { Entry, PaxosMessage, PaxosRecord } from "../src/message.ts";
import { lineOf, messageOf } from "./transcript.ts";

const count = fc.maxSafeNat();
const ballot = fc.record({ round: count, member: fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/) });
const value = fc.uint8Array({ maxLength: 300 });
const entry: fc.Arbitrary<Entry> = fc.record({ number: count, ballot, value });
const kind = <K extends string>(name: K) => fc.constant(name);

const message: fc.Arbitrary<PaxosMessage> = fc.oneof(
  fc.record({ kind: kind("prepare"), ballot, from: count }),
  fc.record({ kind: kind("prepareOk"), ballot, chosen: count, entries: fc.array(entry), more: fc.boolean() }),
  fc.record({ kind: kind("prepareRefused"), promised: ballot }),
  fc.record({ kind: kind("accept"), ballot, number: count, value, chosen: count }),
  fc.record({ kind: kind("acceptOk"), ballot, number: count }),
  fc.record({ kind: kind("acceptRefused"), promised: ballot }),
  fc.record({ kind: kind("heartbeat"), ballot, chosen: count }),
  fc.record({ kind: kind("heartbeatOk"), ballot }),
  fc.record({ kind: kind("learnRequest"), from: count }),
  fc.record({ kind: kind("learnReply"), from: count, values: fc.array(value), chosen: count }),
);

const record: fc.Arbitrary<PaxosRecord> = fc.oneof(
  fc.record({ kind: kind("promised"), ballot }),
  fc.record({ kind: kind("accepted"), ballot, number: count, value, chosen: count }),
  fc.record({ kind: kind("learned"), number: count, value }),
);

const addressed = fc.record({ group: fc.string({ minLength: 1 }), legislature: fc.nat(), message });

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

  it("the transcripts' text says the same", () => {
    const line = "prepareOk ballot=3.b chosen=2 entries=[3:1.a:x,4:2.c:y] more=true";
    expect(lineOf(messageOf(line))).toBe(line);
  });
});

describe("bad input", () => {
  const membership = createMembership(["a", "b", "c"]);

  function started(): Paxos {
    const core = new Paxos({ group: "g", self: "a", membership });
    core.step({ kind: "start", applied: 0, random: 0 }, 0);
    return core;
  }

  /** The core in question has something to lose. */
  function busy(): Paxos {
    const core = started();
    core.step({ kind: "timer", name: "election", random: 0 }, 0);
    for (const from of ["a", "b"]) {
      const ok = { kind: "prepareOk", ballot: { round: 1, member: "a" }, chosen: 0, entries: [], more: false } as const;
      core.step({ kind: "message", from, bytes: encodeMessage({ group: "g", legislature: 1, message: ok }) }, 0);
    }
    core.step({ kind: "propose", value: Uint8Array.of(1) }, 0);
    expect(core.status).toMatchObject({ role: "leader", inFlight: 1 });
    return core;
  }

  function refuses(core: Paxos, from: string, bytes: Uint8Array): void {
    const before = core.status;
    expect(core.step({ kind: "message", from, bytes }, 1)).toEqual([]);
    expect(core.status).toEqual({ ...before, refused: before.refused + 1 });
  }

  it("of another group, another legislature, from a stranger, or in another's ballot: refused, counted, no effect", () => {
    const core = busy();
    fc.assert(
      fc.property(message, (one) => {
        refuses(core, "b", encodeMessage({ group: "other", legislature: 1, message: one }));
        refuses(core, "b", encodeMessage({ group: "g", legislature: 2, message: one }));
        refuses(core, "mallory", encodeMessage({ group: "g", legislature: 1, message: one }));
        if (one.kind === "prepare" || one.kind === "accept" || one.kind === "heartbeat")
          refuses(core, "b", encodeMessage({ group: "g", legislature: 1, message: one }));
      }),
    );
  });

  it("cut off or garbage: refused, counted, no effect", () => {
    const core = busy();
    fc.assert(
      fc.property(message, fc.nat(), fc.uint8Array({ maxLength: 100 }), (one, where, garbage) => {
        const bytes = encodeMessage({ group: "g", legislature: 1, message: one });
        refuses(core, "b", bytes.subarray(0, where % bytes.length));
        refuses(core, "b", garbage);
      }),
    );
  });

  it("a configuration that cannot work is refused with what to change", () => {
    const config = { group: "g", self: "a", membership };
    expect(() => new Paxos({ ...config, self: "x" })).toThrow(/x is not one of the members a, b, c/);
    expect(() => new Paxos({ ...config, electionMs: 300 })).toThrow(PaxosConfigError);
    expect(() => new Paxos({ ...config, electionMs: Number.NaN })).toThrow(PaxosConfigError);
    expect(() => new Paxos({ ...config, alpha: 0 })).toThrow(/alpha is 0/);
    expect(() => new Paxos({ ...config, resendMs: Number.NaN })).toThrow(/resendMs/);
  });
});
