import { EVENT_BYTES_MAX, eventsAfter } from "@halon/event-queue";
import { decodeEventPayload } from "@halon/proto";
import { describe, expect, it } from "vitest";
import { HANDLE_MS_MAX } from "../src/api/index.ts";
import { ApiWorld } from "./api-world.ts";

const MEMBERS = ["a", "b", "c"];
const SPEC = "services:\n  web:\n    command: [node, web.js]\n    instances: 2\n";
const patient = new AbortController().signal;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What the coordinator does: takes the lease, then consumes what it is given. */
async function consume(api: ApiWorld, positions: readonly number[]): Promise<void> {
  await api.command({ kind: "grantLease", value: { epoch: 0, checkpoint: 0, holder: "somewhere" } });
  const checkpoint = { epoch: 1, number: 1, consumed: positions, changes: [], decisions: [] };
  expect(await api.command({ kind: "checkpoint", value: checkpoint })).toMatchObject({ value: { applied: true } });
}

describe("GetStatus", () => {
  it("says of each station the same cluster, and itself", async () => {
    const api = new ApiWorld(MEMBERS);
    await consume(api, []);
    api.world.runFor(1_000);
    const replies = await Promise.all([0, 1, 2].map((at) => api.await(api.station(at).handlers.getStatus(), 1_000)));
    expect(replies.map(({ station }) => station)).toEqual(MEMBERS);
    expect(new Set(replies.map(({ leader }) => leader)).size).toBe(1);
    expect(replies[0]).toMatchObject({
      cluster: "c",
      clusterId: "id",
      members: MEMBERS,
      epoch: 1,
      coordinator: "somewhere",
      checkpoint: 1,
      eventsQueued: 0,
      nodes: [],
    });
    expect(replies[0]?.applied).toBeGreaterThan(0);
    const { leader } = api.station(0).station;
    for (const at of [0, 1, 2])
      expect(api.station(at).tracker.status).toMatchObject({
        stations: MEMBERS,
        leader,
        heardMsAgo: expect.any(Number),
      });
  });
});

describe("SubmitEvent", () => {
  it("answers from any station once the event is stored", async () => {
    const api = new ApiWorld(MEMBERS);
    for (const [at, member] of MEMBERS.entries()) {
      await api.await(api.station(at).handlers.submitEvent({ type: "t", payload: bytes(member) }, patient), 10_000);
      const holders = [0, 1, 2].filter((each) => eventsAfter(api.station(each).store, 0, 9).length > at);
      expect(holders.length).toBeGreaterThan(0);
    }
    api.world.runFor(2_000);
    const events = eventsAfter(api.station(2).store, 0, 9).map(({ event }) => event);
    expect(events.map((event) => [event?.type, event?.id?.producer])).toEqual(
      MEMBERS.map((member) => ["t", `${member}.station-replica`]),
    );
  });

  it.each([
    ["a type that is none", { type: "No Type", payload: bytes("") }, /event type "No Type": use 1 to 64/],
    ["no type", { type: "", payload: bytes("") }, /event type ""/],
    ["a payload that is too large", { type: "t", payload: new Uint8Array(EVENT_BYTES_MAX + 1) }, /at most 196608/],
  ])("refuses %s", async (_, request, message) => {
    const api = new ApiWorld(["a"]);
    await expect(api.await(api.station(0).handlers.submitEvent(request, patient), 10_000)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringMatching(message),
    });
    expect(eventsAfter(api.station(0).store, 0, 9)).toEqual([]);
  });

  it("without a majority waits for its caller, then says that nothing is known; what was submitted is stored later", async () => {
    const api = new ApiWorld(MEMBERS);
    for (const at of [1, 2]) api.stations[at]?.kill("is killed");
    const caller = new AbortController();
    const submitted = api.station(0).handlers.submitEvent({ type: "t", payload: bytes("x") }, caller.signal);
    api.world.runFor(10_000);
    caller.abort("deadline");
    await expect(submitted).rejects.toMatchObject({
      code: "DEADLINE_EXCEEDED",
      message: expect.stringMatching(/may be stored, now or later/),
    });
    for (const at of [1, 2]) api.stations[at]?.start();
    api.world.until(() => eventsAfter(api.station(0).store, 0, 9).length === 1, 30_000, "the event is stored");
  });

  it("is over at once for a caller who has gone already", async () => {
    const api = new ApiWorld(["a"]);
    const submitted = api
      .station(0)
      .handlers.submitEvent({ type: "t", payload: bytes("") }, AbortSignal.abort("cancelled"));
    await expect(submitted).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    api.world.runFor(1_000);
    expect(eventsAfter(api.station(0).store, 0, 9)).toEqual([]);
  });
});

describe("Apply", () => {
  it("lists all mistakes with their places, and stores nothing", async () => {
    const api = new ApiWorld(["a"]);
    const text = "services:\n  web:\n    comand: [a]\n    instances: -1\n";
    const reply = await api.station(0).handlers.apply({ text, prune: false }, patient);
    expect(reply).toMatchObject({ handled: false, services: 0 });
    expect(reply.mistakes.map(({ line, path }) => [line, path])).toEqual([
      [2, "services.web.command"],
      [3, "services.web.comand"],
      [4, "services.web.instances"],
    ]);
    api.world.runFor(1_000);
    expect(eventsAfter(api.station(0).store, 0, 9)).toEqual([]);
  });

  it("takes no text that is longer than a specification can be", async () => {
    const api = new ApiWorld(["a"]);
    const { mistakes } = await api.station(0).handlers.apply({ text: "#".repeat(140_000), prune: false }, patient);
    expect(mistakes).toMatchObject([{ line: 1, column: 1, message: expect.stringMatching(/at most 131072/) }]);
  });

  it("resolves as handled once the coordinator has consumed it, at any station", async () => {
    const api = new ApiWorld(MEMBERS);
    for (const at of [0, 1, 2]) {
      const applied = api.station(at).handlers.apply({ text: SPEC, prune: true }, patient);
      let isOver = false;
      void applied.then(() => {
        isOver = true;
      });
      // Behind those of the rounds before, which this station may not have seen go yet.
      const newest = () => eventsAfter(api.station(at).store, at, 9)[0];
      await api.await(
        until(api, () => newest() !== undefined),
        5_000,
      );
      const queued = newest();
      expect(queued?.event?.type).toBe("cluster-spec");
      const payload = decodeEventPayload(queued?.event?.payload ?? new Uint8Array());
      expect(payload).toMatchObject({ kind: "clusterSpec", value: { prune: true } });
      expect(isOver).toBe(false);
      const number = at + 1;
      if (at === 0) await api.command({ kind: "grantLease", value: { epoch: 0, checkpoint: 0, holder: "s" } });
      const consumed = [queued?.position ?? 0];
      const checkpoint = { epoch: 1, number, consumed, changes: [], decisions: [] };
      expect(await api.command({ kind: "checkpoint", value: checkpoint })).toMatchObject({ value: { applied: true } });
      expect(await api.await(applied, 2_000)).toEqual({ mistakes: [], handled: true, services: 1 });
    }
  });

  it("without a coordinator says after a while that it is stored, and not handled yet", async () => {
    const api = new ApiWorld(["a"]);
    const startMs = api.world.nowMs;
    const reply = await api.await(api.station(0).handlers.apply({ text: SPEC, prune: false }, patient), 60_000);
    expect(reply).toEqual({ mistakes: [], handled: false, services: 1 });
    expect(api.world.nowMs - startMs).toBeGreaterThanOrEqual(HANDLE_MS_MAX);
    expect(eventsAfter(api.station(0).store, 0, 9).length).toBe(1);
  });

  it("says the same at once when its caller can wait no longer", async () => {
    const api = new ApiWorld(["a"]);
    const caller = new AbortController();
    const applied = api.station(0).handlers.apply({ text: SPEC, prune: false }, caller.signal);
    await api.await(
      until(api, () => eventsAfter(api.station(0).store, 0, 9).length === 1),
      5_000,
    );
    const startMs = api.world.nowMs;
    caller.abort("deadline");
    expect(await api.await(applied, 100)).toMatchObject({ handled: false, services: 1 });
    expect(api.world.nowMs - startMs).toBeLessThan(100);
  });
});

/** Resolves when the condition holds; time has to pass meanwhile. */
const until = (api: ApiWorld, condition: () => boolean): Promise<void> =>
  new Promise((resolve) => {
    const look = (): void => (condition() ? resolve() : void api.world.clock.at(api.world.nowMs + 10, look));
    look();
  });
