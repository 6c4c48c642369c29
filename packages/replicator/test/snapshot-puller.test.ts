import type { View } from "@halon/replicated-log";
import { describe, expect, it } from "vitest";
import type { SnapshotReplyBody, SnapshotRequest } from "../src/frame.ts";
import { SnapshotPuller, type SnapshotPullerOutput } from "../src/snapshot-puller.ts";

const view: View = {
  get: () => undefined,
  range: ({ limit = 1_000 }) => ([["a", Uint8Array.of(1)]] as const).slice(0, limit),
};

/** A puller that has asked `p` for the first range of decree 9, and what it asked. */
function setUp() {
  const puller = new SnapshotPuller(view);
  puller.step({ kind: "begin", peers: ["p", "q"], atLeast: 5 }, 0);
  puller.step({ kind: "written" }, 0);
  const reply = (body: SnapshotReplyBody, about: Partial<SnapshotRequest> = {}, from = "p") =>
    puller.step({ kind: "reply", from, reply: { decree: 9, from: "", to: "\x7f", since: 0, ...about, body } }, 0);
  const request = reply({ kind: "opened" }).find((output) => output.kind === "request")?.request;
  if (request === undefined) throw new Error("it asks for nothing");
  return { puller, reply, request };
}

const kinds = (outputs: readonly SnapshotPullerOutput[]): string =>
  outputs
    .map(({ kind }) => kind)
    .filter((kind) => kind !== "timer")
    .join();

describe("SnapshotPuller", () => {
  it("takes a reply for what it says only: of its peer, decree, range and digest", () => {
    const { reply, request } = setUp();
    expect(request).toMatchObject({ decree: 9, atLeast: 5, from: "", to: "\x7f", offset: 0 });
    const same = { kind: "same", digest: request.digest } as const;
    expect(kinds(reply({ kind: "same", digest: new Uint8Array(32) }))).toBe("");
    expect(kinds(reply(same, { to: "b" }))).toBe("");
    expect(kinds(reply(same, { from: "a" }))).toBe("");
    expect(kinds(reply(same, { decree: 8 }))).toBe("");
    expect(kinds(reply(same, {}, "q"))).toBe("");
    expect(kinds(reply({ kind: "part", key: "a", bytesCount: 4, offset: 2, bytes: new Uint8Array(2) }))).toBe("");
    expect(kinds(reply(same))).toBe("write");
    expect(kinds(reply(same))).toBe("");
  });

  it("refuses a snapshot that is older than it needs", () => {
    const { reply } = setUp();
    expect(kinds(reply({ kind: "opened" }, { decree: 4 }))).toBe("");
    expect(kinds(reply({ kind: "opened" }, { decree: 10 }))).toBe("request");
  });

  it("asks the same peer three times, then the next, and pauses after all", () => {
    const { puller } = setUp();
    const asked: string[] = [];
    let pauses = 0;
    for (let times = 0; times < 6; times++)
      for (const output of puller.step({ kind: "timer", name: "patience", random: 0.5 }, 1_000)) {
        if (output.kind === "request") asked.push(output.to);
        if (output.kind === "timer" && output.name === "pause") pauses++;
      }
    expect(asked).toEqual(["p", "p", "q", "q", "q"]);
    expect(pauses).toBe(1);
    expect(kinds(puller.step({ kind: "timer", name: "pause", random: 0.5 }, 2_000))).toBe("request");
  });
});
