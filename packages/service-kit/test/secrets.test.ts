import { describe, expect, it } from "vitest";
import { z } from "zod";
import { secretsOf } from "../src/config/secrets.ts";
import { defineConfig, loadConfig } from "../src/index.ts";

const account = z.strictObject({ user: z.string(), pass: z.string().min(4).meta({ secret: true }) });
const definition = defineConfig({
  service: "keeper",
  about: "has secrets at all depths",
  schema: z.strictObject({
    plain: z.string().default("open"),
    keys: z.array(z.string().min(4)).default(["built-in"]).meta({ secret: true }),
    accounts: z.record(z.string(), account).default({}),
    vault: z
      .strictObject({ door: z.strictObject({ code: z.string().min(4) }) })
      .optional()
      .meta({ secret: true }),
  }),
});

const load = (text: string) => loadConfig(definition, { argv: ["--config=f"], env: {}, readFile: () => text });

describe("secrets", () => {
  it("are found under whatever is marked", () => {
    const outcome = load(
      "{ plain: p, keys: [key1, key2], accounts: { db: { user: root, pass: hunter2 } }, vault: { door: { code: '1234' } } }",
    );
    expect(outcome.kind === "config" && secretsOf(definition, outcome.config)).toEqual([
      "key1",
      "key2",
      "hunter2",
      "1234",
    ]);
  });

  it("stay hidden in mistakes about them, about their parts and about what has them in it", () => {
    const outcome = load(
      "{ keys: [k1, key2], accounts: { db: { user: 1, pass: abc }, x: [hun] }, vault: { door: { code: xyz } } }",
    );
    expect(outcome.kind === "errors" && outcome.errors.join("\n")).toMatchInlineSnapshot(`
      "f:1:10: keys[0]: a hidden value given, allowed is text of 4 or more characters
      f:1:45: accounts.db.user: 1 given, allowed is text
      f:1:54: accounts.db.pass: a hidden value given, allowed is text of 4 or more characters
      f:1:64: accounts.x: a hidden value given, allowed is an object with user, pass
      f:1:96: vault.door.code: a hidden value given, allowed is text of 4 or more characters"
    `);
  });

  it("stay hidden in help", () => {
    const outcome = loadConfig(definition, { argv: ["--help"], env: {}, readFile: () => "" });
    expect(outcome.kind === "help" && outcome.text).toMatch(/HALON_KEYS +hidden/);
    expect(outcome.kind === "help" && outcome.text).not.toContain("built-in");
  });
});
