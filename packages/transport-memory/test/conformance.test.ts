import { VirtualClock } from "@halon/runtime";
import { transportConformance } from "@halon/runtime/conformance";
import { MemoryBus } from "@halon/transport-memory";
import { describe, expect, it } from "vitest";
import { seeded } from "./seeded.ts";

/** Virtual time that any check of the suite gets by with. */
const LIMIT_MS = 120_000;

transportConformance({ describe, it, expect }, async () => {
  const clock = new VirtualClock();
  const bus = new MemoryBus({ clock, random: seeded(1) });
  return {
    open: async (name) => bus.open(name),
    until: async (condition) => {
      while (!condition())
        if (!clock.step(LIMIT_MS)) throw new Error(`nothing more happens, yet it does not hold: ${condition}`);
    },
    cut: async () => bus.stop(),
    heal: async () => bus.start(),
    close: async () => {},
  };
});
