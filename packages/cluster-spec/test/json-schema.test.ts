import { readFileSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { specJsonSchema } from "../src/index.ts";

const path = new URL("../../../docs/cluster-yaml.schema.json", import.meta.url);
const text = `${JSON.stringify(specJsonSchema(), undefined, 2)}\n`;

// HALON_UPDATE=1 writes the file anew.
it("the JSON Schema in docs is the one of the code", () => {
  if (process.env["HALON_UPDATE"] === "1") writeFileSync(path, text);
  expect(readFileSync(path, "utf8")).toBe(text);
});
