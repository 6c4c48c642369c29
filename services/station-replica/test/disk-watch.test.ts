import { VirtualClock } from "@halon/runtime";
import { describe, expect, it } from "vitest";
import { DiskWatch, freeBytes, LOW_BYTES, remedyOf } from "../src/disk-watch.ts";

describe("watching the disk", () => {
  it("tells once that it runs full, and again when it does so again", () => {
    const clock = new VirtualClock();
    let free = LOW_BYTES;
    const told: number[] = [];
    const watch = new DiskWatch({ clock, free: () => free, onLow: (bytes) => told.push(bytes) });
    clock.runUntil(3_000);
    expect([told, watch.isLow]).toEqual([[], false]);
    free = LOW_BYTES - 1;
    clock.runUntil(6_000);
    expect([told, watch.isLow]).toEqual([[LOW_BYTES - 1], true]);
    free = LOW_BYTES;
    clock.runUntil(8_000);
    expect(watch.isLow).toBe(false);
    free = 0;
    clock.runUntil(10_000);
    expect(told).toEqual([LOW_BYTES - 1, 0]);
    watch.stop();
    free = LOW_BYTES;
    clock.runUntil(12_000);
    expect(watch.isLow).toBe(true);
  });

  it("names the remedy for a failure when there is no room, and only then", () => {
    expect(remedyOf(0)).toMatch(/make room on it and start again/);
    expect(remedyOf(LOW_BYTES)).toBe("");
    expect(freeBytes("/")).toBeGreaterThan(0);
    expect(freeBytes("/nowhere/at/all")).toBe(0);
  });
});
