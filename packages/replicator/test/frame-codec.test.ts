import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Frame, NO_PROGRESS, type SnapshotReply } from "../src/frame.ts";
import { decodeFrame, decodeProgress, encodeFrame, encodeProgress, FrameCodecError } from "../src/frame-codec.ts";

const bytes = fc.uint8Array({ maxLength: 40 });
const sha = fc.uint8Array({ minLength: 32, maxLength: 32 });
const count = fc.maxSafeNat();
const key = fc.stringMatching(/^[ -~]{1,12}$/);
/** Ascending, so that two make a range and more are entries. */
const keys = (min: number) => fc.uniqueArray(key, { minLength: min, maxLength: 8 }).map((each) => each.sort());
const whole = { from: "", to: "\x7f", since: 0 };

const reply: fc.Arbitrary<SnapshotReply> = fc.oneof(
  fc
    .record({ decree: count, since: count, body: fc.constant({ kind: "opened" as const }) })
    .map((each) => ({ ...whole, ...each })),
  fc.tuple(count, count, keys(0), bytes, fc.nat(8)).map(([decree, since, all, value, gone]) => ({
    decree,
    ...whole,
    since,
    body: {
      kind: "changes" as const,
      entries: all.slice(gone).map((name) => [name, value] as const),
      deleted: all.slice(0, gone),
    },
  })),
  fc
    .record({ decree: count, body: fc.record({ kind: fc.constant("same" as const), digest: sha }) })
    .map((each) => ({ ...whole, ...each })),
  fc.tuple(count, keys(0), fc.array(bytes, { minLength: 8, maxLength: 8 })).map(([decree, all, values]) => ({
    decree,
    ...whole,
    body: {
      kind: "entries" as const,
      entries: all.map((name, at) => [name, values[at] ?? new Uint8Array(0)] as const),
    },
  })),
  fc
    .tuple(count, key, fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(1_000))
    .map(([decree, name, part, offset]) => ({
      decree,
      ...whole,
      body: { kind: "part" as const, key: name, bytes: part, offset, bytesCount: offset + part.length },
    })),
  fc.tuple(count, fc.string()).map(([decree, why]) => ({
    decree,
    ...whole,
    body: { kind: "unable" as const, why, others: ["a", "b.2"] },
  })),
);

const frame: fc.Arbitrary<Frame> = fc.record({
  from: fc.constantFrom("a", "station-1.9f3a01bc"),
  body: fc.oneof(
    fc.record({ kind: fc.constant("consensus" as const), bytes }),
    fc.record({ kind: fc.constant("digest" as const), number: count, digest: fc.stringMatching(/^[0-9a-f]{16}$/) }),
    fc
      .tuple(keys(2), count, count, sha, count, count)
      .map(([[from = "", to = ""], decree, atLeast, digest, offset, since]) => ({
        kind: "snapshotRequest" as const,
        request: { decree, atLeast, from, to, digest, offset, since, ahead: since % 7 },
      })),
    reply.map((each) => ({ kind: "snapshotReply" as const, reply: each })),
  ),
});

describe("frames", () => {
  it("arrive as they were", () => {
    fc.assert(fc.property(frame, (each) => plain(decodeFrame(encodeFrame(each))) === plain(each)));
  });

  it("that are cut off, changed or made up are refused, never half taken", () => {
    fc.assert(
      fc.property(frame, fc.nat(), fc.nat(255), (each, at, other) => {
        const whole = encodeFrame(each);
        const changed = whole.slice();
        changed[at % whole.length] = other;
        for (const wrong of [whole.slice(0, at % whole.length), changed]) {
          try {
            const { body } = decodeFrame(wrong);
            if (body.kind === "snapshotReply") expect(body.reply.from <= body.reply.to).toBe(true);
          } catch (error) {
            expect(error).toBeInstanceOf(FrameCodecError);
          }
        }
      }),
    );
  });

  it.each([
    ["nobody", { from: "a b", body: { kind: "digest", number: 1, digest: "0".repeat(16) } }],
    ["a digest of another length", { from: "a", body: { kind: "digest", number: 1, digest: "00" } }],
    ["an empty range", request("b", "b", 32)],
    ["a range that goes back", request("c", "b", 32)],
    ["a bound of other characters", request("", "é", 32)],
    ["another hash", request("", "b", 20)],
    ["keys out of order", entries(["b", "a"])],
    ["a key twice", entries(["b", "b"])],
    ["a key outside of the range", entries(["n"])],
    ["a key that is there, and gone", changes(["b"], ["b"])],
    ["keys that are gone out of order", changes([], ["c", "b"])],
    ["a part beyond its value", part(9, 2, 10)],
    ["a value that no store takes", part(0, 2, 5 * 1024 * 1024)],
  ] as readonly (readonly [string, Frame])[])("with %s are refused", (_, wrong) => {
    expect(() => decodeFrame(encodeFrame(wrong))).toThrow(FrameCodecError);
  });

  it("progress is read as it was noted; what cannot be read is a beginning", () => {
    const progress = { peer: "a.1", decree: 77, next: "k/1 ", since: 70, walked: "k/7", digest: "0123456789abcdef" };
    expect(decodeProgress(encodeProgress(progress))).toEqual(progress);
    for (const bad of [Uint8Array.of(255, 255), encodeProgress({ ...progress, digest: "" })])
      expect(decodeProgress(bad)).toEqual(NO_PROGRESS);
  });
});

const plain = (value: unknown): string => JSON.stringify(sorted(value));

/** The same, whatever the order of the fields, and whoever made the arrays of bytes. */
function sorted(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, each]) => [name, sorted(each)]),
  );
}

function request(from: string, to: string, digestBytes: number): Frame {
  const digest = new Uint8Array(digestBytes);
  return {
    from: "a",
    body: {
      kind: "snapshotRequest",
      request: { decree: 1, atLeast: 0, from, to, digest, offset: 0, since: 0, ahead: 0 },
    },
  };
}

function entries(all: readonly string[]): Frame {
  const body = { kind: "entries", entries: all.map((name) => [name, new Uint8Array(1)] as const) } as const;
  return { from: "a", body: { kind: "snapshotReply", reply: { decree: 1, from: "a", to: "m", since: 0, body } } };
}

function changes(all: readonly string[], deleted: readonly string[]): Frame {
  const put = all.map((name) => [name, new Uint8Array(1)] as const);
  const body = { kind: "changes", entries: put, deleted } as const;
  return { from: "a", body: { kind: "snapshotReply", reply: { decree: 2, from: "a", to: "m", since: 1, body } } };
}

function part(offset: number, length: number, bytesCount: number): Frame {
  const body = { kind: "part", key: "b", offset, bytesCount, bytes: new Uint8Array(length) } as const;
  return { from: "a", body: { kind: "snapshotReply", reply: { decree: 1, from: "a", to: "m", since: 0, body } } };
}
