import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { askLauncher, ControlServer, parseRequest } from "../src/control.ts";

let dir = "";
let server: ControlServer | undefined;
const path = (): string => join(dir, "control.sock");
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "halon-control-"));
});
afterEach(() => {
  server?.close();
  rmSync(dir, { recursive: true, force: true });
});

describe("requests from other terminals", () => {
  it("are answered, failures with their reason", async () => {
    server = await ControlServer.open(path(), async ({ verb, target }) => {
      if (verb === "fail") throw new Error(`nothing of ${target} runs`);
      return { isDone: true, text: `${verb} ${target}\nand more` };
    });
    expect(await askLauncher(path(), { verb: "kill", target: "web/0" })).toEqual({
      isDone: true,
      text: "kill web/0\nand more",
    });
    expect(await askLauncher(path(), { verb: "fail", target: "x" })).toEqual({
      isDone: false,
      text: "nothing of x runs",
    });
  });

  it("find nobody when no launcher runs", async () => {
    expect(await askLauncher(path(), { verb: "kill", target: "x" })).toBeUndefined();
  });

  it("take over the socket that a dead launcher has left", async () => {
    server = await ControlServer.open(path(), async () => ({ isDone: true, text: "first" }));
    const second = await ControlServer.open(path(), async () => ({ isDone: true, text: "second" }));
    expect(await askLauncher(path(), { verb: "x", target: "" })).toMatchObject({ text: "second" });
    second.close();
  });

  it("that are none are refused, and the launcher lives", async () => {
    server = await ControlServer.open(path(), async () => ({ isDone: true, text: "" }));
    const said = await new Promise<string>((resolve) => {
      const socket = connect(path(), () => socket.write("GET / HTTP/1.1\r\n\r\n"));
      socket.once("data", (data) => resolve(data.toString()));
    });
    expect(said).toContain("does not know");
    expect(await askLauncher(path(), { verb: "x", target: "" })).toEqual({ isDone: true, text: "" });
  });

  it.each(["", "{}", '{"verb":1,"target":"x"}', "[]", `{"verb":"x","target":"${"x".repeat(5_000)}"}`])(
    "%.30s is none",
    (line) => expect(parseRequest(line)).toBeUndefined(),
  );
});
