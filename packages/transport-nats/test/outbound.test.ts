import { OUTBOUND_BYTES_MAX } from "@halon/runtime";
import { expect, it } from "vitest";
import { Outbound } from "../src/outbound.ts";

const CHUNK = 1024 * 1024;

it("admits up to the limit, and again what was confirmed", async () => {
  const confirmations: (() => void)[] = [];
  const outbound = new Outbound(() => new Promise((resolve) => confirmations.push(resolve)));
  const fill = (): number => {
    let admitted = 0;
    while (outbound.admit(CHUNK)) {
      admitted++;
      outbound.maybeConfirm();
    }
    return admitted;
  };
  expect(fill()).toBe(OUTBOUND_BYTES_MAX / CHUNK);
  // One confirmation is asked for at a time; the first stands for the first chunk only.
  expect(confirmations.length).toBe(1);
  confirmations[0]?.();
  await Promise.resolve();
  expect(fill()).toBe(1);
  expect(confirmations.length).toBe(2);
  confirmations[1]?.();
  await Promise.resolve();
  expect(fill()).toBe(OUTBOUND_BYTES_MAX / CHUNK - 1);
});

it("small traffic asks for no confirmation", () => {
  let asked = 0;
  const outbound = new Outbound(() => {
    asked++;
    return Promise.resolve();
  });
  for (let n = 0; n < 1_000; n++) {
    outbound.admit(200);
    outbound.maybeConfirm();
  }
  expect(asked).toBe(0);
});
