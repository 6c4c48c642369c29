import { readFileSync } from "node:fs";
import { monitorConfig } from "@halon/monitor";
import { variablesTable } from "@halon/service-kit";
import { expect, it } from "vitest";

it("the README lists the variables as they are", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  expect(readme).toContain(variablesTable(monitorConfig));
});
