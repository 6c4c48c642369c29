import { VirtualClock } from "@halon/runtime";
import { describe, expect, it } from "vitest";
import { StopSequence } from "../src/lifecycle/stop-sequence.ts";

describe("stop sequence", () => {
  it("runs hooks last added first, one at a time, also those added meanwhile", async () => {
    const clock = new VirtualClock();
    const sequence = new StopSequence(clock);
    const seen: string[] = [];
    const hook = (name: string) => async (): Promise<void> => {
      seen.push(`${name} begins`);
      await Promise.resolve();
      seen.push(`${name} ends`);
    };
    sequence.add("a", hook("a"));
    sequence.add("b", () => {
      seen.push("b");
      sequence.add("c", hook("c"));
    });
    expect(await sequence.run(1_000)).toEqual({ kind: "stopped", failures: [], stuck: undefined });
    expect(seen).toEqual(["b", "c begins", "c ends", "a begins", "a ends"]);
    expect(clock.nextAtMs).toBe(undefined);
  });

  it("goes on after a hook that fails", async () => {
    const sequence = new StopSequence(new VirtualClock());
    const seen: string[] = [];
    const error = new Error("disk");
    sequence.add("first", () => void seen.push("first"));
    sequence.add("rejecting", () => Promise.reject(error));
    sequence.add("throwing", () => {
      throw error;
    });
    const failures = [
      { name: "throwing", error },
      { name: "rejecting", error },
    ];
    expect(await sequence.run(1_000)).toEqual({ kind: "stopped", failures, stuck: undefined });
    expect(seen).toEqual(["first"]);
  });

  it("gives up at the deadline and names the hook that was running", async () => {
    const clock = new VirtualClock();
    const sequence = new StopSequence(clock);
    let isRun = false;
    sequence.add("never run", () => {
      isRun = true;
    });
    let end = (): void => {};
    const stuck = new Promise<void>((resolve) => {
      end = resolve;
    });
    sequence.add("stuck", () => stuck);
    const outcome = sequence.run(1_000);
    clock.runUntil(1_000);
    expect(await outcome).toEqual({ kind: "deadline", failures: [], stuck: "stuck" });
    // Too late: what comes after it would run beside the end of the process.
    end();
    await new Promise(setImmediate);
    expect(isRun).toBe(false);
  });
});
