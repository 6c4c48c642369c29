import { expect, it } from "vitest";

it("workspace packages are tested from their sources, not from what was last built", () => {
  expect(import.meta.resolve("@halon/runtime")).toMatch(/\/packages\/runtime\/src\/index\.ts$/);
});
