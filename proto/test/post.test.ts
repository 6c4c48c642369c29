import { encodeMessage, Post, type PostOutcome, subjectsOf } from "@halon/proto";
import type { Delivery, RequestOutcome, Transport } from "@halon/runtime";
import { describe, expect, it } from "vitest";

const header = { cluster: "east", sender: "a.b", incarnation: "i", id: "1", traceparent: "" };
const question = encodeMessage({ header, body: { kind: "directoryRequest", value: {} } });
/** What stands later counts: the envelope's field 4 says another version. */
const ofVersion = (version: number): Uint8Array => Uint8Array.of(...question, 4 << 3, version);

/** A post on a bus of one subscription and one answer. */
function setup() {
  let deliver: (delivery: Delivery) => void = () => undefined;
  let answer: Uint8Array = question;
  const transport: Pick<Transport, "subscribe" | "request"> = {
    subscribe: (_subject, _options, to) => {
      deliver = to;
      return { unsubscribe: () => undefined };
    },
    request: (_subject, _payload, _timeoutMs, done: (outcome: RequestOutcome) => void) => {
      done({ kind: "reply", payload: answer });
      return () => undefined;
    },
  };
  const post = new Post(transport as Transport, { u32: () => 7 }, { cluster: "east", sender: "c.d" });
  const { directory } = subjectsOf("east");
  let heard = 0;
  post.subscribe(directory, "directoryRequest", () => heard++);
  return {
    post,
    /** Whether it reaches the subscriber. */
    receives: (payload: Uint8Array): boolean => {
      const before = heard;
      deliver({ subject: directory, payload });
      return heard > before;
    },
    /** What a request comes to that is answered so. */
    answered: (payload: Uint8Array): PostOutcome<"directory"> | undefined => {
      answer = payload;
      let outcome: PostOutcome<"directory"> | undefined;
      post.request(directory, { kind: "directoryRequest", value: {} }, "directory", 100, (each) => {
        outcome = each;
      });
      return outcome;
    },
  };
}

describe("Post", () => {
  it("E7 drops and counts messages of unknown versions, and goes on with those of its own and its neighbour's", () => {
    const { post, receives } = setup();
    expect([1, 99, 2, 3, 0].map((version) => receives(ofVersion(version)))).toEqual([true, false, true, false, false]);
    expect(receives(question)).toBe(true);
    expect(post.counters).toEqual({ undecodable: 3, foreign: 0, unexpected: 0 });
  });

  it("E7 tells who asked why an answer cannot be read, and counts it", () => {
    const { post, answered } = setup();
    const foreign = encodeMessage({
      header: { ...header, cluster: "west" },
      body: { kind: "directoryRequest", value: {} },
    });
    const why = (payload: Uint8Array): string => {
      const outcome = answered(payload);
      return outcome?.kind === "unreadable" ? outcome.why : `not unreadable: ${outcome?.kind}`;
    };
    expect(why(ofVersion(99))).toBe("message of schema 99: this version takes 1 and its neighbours");
    expect(why(foreign)).toBe("a message of cluster west: this process is of cluster east");
    expect(why(question)).toBe("a message of kind directoryRequest where directory is expected");
    expect(post.counters).toEqual({ undecodable: 1, foreign: 1, unexpected: 1 });
    const value = { stations: ["s"], leader: "s", transponders: [], monitors: [] };
    const known = encodeMessage({ header, body: { kind: "directory", value } });
    expect(answered(known)).toMatchObject({ kind: "reply", value });
  });
});
