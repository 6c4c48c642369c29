import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";

/** Runs the first piece of code in a README as a module of this package; out of the way of git, compiler and linter. */
async function runExample(readme: URL): Promise<string[]> {
  const code = /```ts\n([\s\S]*?)```/.exec(readFileSync(readme, "utf8"))?.[1] ?? "";
  const folder = new URL(`../dist/readme-${process.pid}/`, import.meta.url);
  const module = new URL(`./example-${code.length}.ts`, folder);
  const said: string[] = [];
  const log = vi.spyOn(console, "log").mockImplementation((...words) => void said.push(words.join(" ")));
  mkdirSync(folder, { recursive: true });
  try {
    writeFileSync(module, code);
    await import(module.href);
  } finally {
    rmSync(folder, { recursive: true });
    log.mockRestore();
  }
  return said;
}

describe("README examples run", () => {
  it("of paxos", async () => {
    const readme = new URL("../README.md", import.meta.url);
    expect(await runExample(readme)).toEqual(["1 hello"]);
  });

  it("of consensus", async () => {
    const readme = new URL("../../consensus/README.md", import.meta.url);
    const said = await runExample(readme);
    expect(said).toEqual(["3 5.b 3 true", "true"]);
  });
});
