import { readFileSync } from "node:fs";
import { variablesTable } from "@halon/service-kit";
import { expect, it } from "vitest";
import { coordinatorConfig, RULES } from "../src/index.ts";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

it("the README has the variables and the rules of the code", () => {
  expect(readme).toContain(variablesTable(coordinatorConfig));
  for (const { name } of RULES) expect(readme).toContain(`| \`${name}\` |`);
});
