import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { halon } from "../../src/gen/replicator.js";
import type { WatchAnswer, WatchRequest } from "../../src/watch/watch.ts";
import {
  decodeWatchAnswer,
  decodeWatchRequest,
  encodeWatchAnswer,
  encodeWatchRequest,
  WatchCodecError,
} from "../../src/watch/watch-codec.ts";

const wire = halon.replicator.v1;
const index = fc.nat(2 ** 40);
const key = fc.string({ unit: fc.constantFrom("a", "b", "/", "~", " ", "0"), minLength: 1, maxLength: 20 });
const group = fc.string({ maxLength: 16 });

const request: fc.Arbitrary<WatchRequest> = fc.record({ after: index, prefix: key, waitMs: fc.nat(5_000), group });
const answer: fc.Arbitrary<WatchAnswer> = fc.oneof(
  fc.record({
    group,
    kind: fc.constant("changes" as const),
    upTo: fc.constant(2 ** 41),
    changes: fc
      .array(fc.record({ index, key, value: fc.option(fc.uint8Array({ maxLength: 9 }), { nil: undefined }) }))
      .map((changes) => changes.sort((a, b) => a.index - b.index)),
  }),
  fc.record({ group, kind: fc.constant("resync" as const), index }),
  fc.record({
    group,
    kind: fc.constant("refused" as const),
    code: fc.constantFrom("busy" as const, "behind" as const, "unavailable" as const, "not-watched" as const),
    message: fc.string(),
  }),
);

describe("what watchers and members say to each other", () => {
  it("comes out as it went in", () => {
    fc.assert(
      fc.property(request, answer, (question, reply) => {
        expect(decodeWatchRequest(encodeWatchRequest(question))).toEqual(question);
        expect(decodeWatchAnswer(encodeWatchAnswer(reply))).toEqual(reply);
      }),
    );
  });

  it("is refused, and nothing else happens, when it means nothing", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const decode of [decodeWatchRequest, decodeWatchAnswer])
          try {
            decode(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(WatchCodecError);
          }
      }),
    );
  });

  it("a wait that is too long is shortened", () => {
    const bytes = encodeWatchRequest({ after: 1, prefix: "", waitMs: 4_000_000, group: "" });
    expect(decodeWatchRequest(bytes).waitMs).toBe(5_000);
  });

  it.each([
    ["a number above 2^53", { after: -1 as never }, /after/],
    ["a prefix that no key has", { prefix: "ä" }, /prefix/],
    ["a group without end", { group: "g".repeat(300) }, /group/],
  ])("a question with %s is refused", (_, fields, why) => {
    expect(() => decodeWatchRequest(wire.WatchRequest.encode(fields).finish())).toThrow(why);
  });

  it.each([
    ["without a body", {}, /does not know/],
    ["of an unknown refusal", { refused: { code: "tired" } }, /does not know/],
    ["with decrees that go back", { changes: { upTo: 9, changes: [at(5), at(4)] } }, /decree 4/],
    ["with a decree behind its end", { changes: { upTo: 9, changes: [at(10)] } }, /up to 9/],
    ["with an empty key", { changes: { upTo: 9, changes: [{ ...at(5), key: "" }] } }, /key/],
  ])("an answer %s is refused", (_, fields, why) => {
    expect(() => decodeWatchAnswer(wire.WatchAnswer.encode(fields as never).finish())).toThrow(why);
  });

  it("values are copies: the frame may go", () => {
    const bytes = encodeWatchAnswer({
      ...{ group: "", kind: "changes", upTo: 1 },
      changes: [{ index: 1, key: "k", value: Uint8Array.of(1, 2, 3) }],
    });
    const decoded = decodeWatchAnswer(bytes);
    bytes.fill(0);
    expect(decoded.kind === "changes" && decoded.changes[0]?.value).toEqual(Uint8Array.of(1, 2, 3));
  });
});

function at(place: number) {
  return { index: place, key: "k" };
}
