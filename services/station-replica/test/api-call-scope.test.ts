import { VirtualClock } from "@halon/runtime";
import { describe, expect, it } from "vitest";
import { CALL_MS_MAX, CALLS_MAX, CallScopes } from "../src/api/call-scope.ts";

const ignore = (): void => undefined;
const untilAborted = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) => signal.addEventListener("abort", () => resolve(signal.reason)));

describe("CallScopes", () => {
  it("ends a call at its deadline, at the station's own limit, or when its caller goes", async () => {
    const clock = new VirtualClock();
    const scopes = new CallScopes(clock);
    let go: () => void = ignore;
    const ends: string[] = [];
    const note = (name: string) => (reason: unknown) => void ends.push(`${name} ${reason} ${clock.nowMs()}`);
    const calls = [
      scopes.run(50, ignore, untilAborted).then(note("short")),
      scopes.run(Number.POSITIVE_INFINITY, ignore, untilAborted).then(note("endless")),
      scopes
        .run(
          1_000,
          (cancel) => {
            go = cancel;
          },
          untilAborted,
        )
        .then(note("left")),
    ];
    for (const [ms, act] of [
      [20, () => go()],
      [50, ignore],
      [CALL_MS_MAX, ignore],
    ] as const) {
      clock.runUntil(ms);
      act();
      await new Promise(setImmediate);
    }
    await Promise.all(calls);
    expect(ends).toEqual(["left cancelled 20", "short deadline 50", `endless deadline ${CALL_MS_MAX}`]);
    expect(clock.nextAtMs).toBe(undefined);
  });

  it("has room for so many calls, and for the next when one has ended, however it ended", async () => {
    const clock = new VirtualClock();
    const scopes = new CallScopes(clock);
    const calls = Array.from({ length: CALLS_MAX }, () => scopes.run(10, ignore, untilAborted));
    const run = () => scopes.run(10, ignore, () => "done");
    await expect(run()).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
    clock.runUntil(10);
    await Promise.all(calls);
    const failing = Array.from({ length: CALLS_MAX }, () =>
      scopes.run(10, ignore, () => Promise.reject(new Error("x"))),
    );
    await Promise.allSettled(failing);
    expect(await run()).toBe("done");
  });

  it("stopping ends all that wait, and lets nobody in", async () => {
    const scopes = new CallScopes(new VirtualClock());
    const waiting = scopes.run(10, ignore, untilAborted);
    scopes.stop();
    expect(await waiting).toBe("stopping");
    await expect(scopes.run(10, ignore, () => "done")).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });
});
