import { describe, expect, it } from "vitest";
import { columns } from "../src/columns.ts";
import { Screen } from "../src/screen.ts";
import { inTime, notYet, until, yes } from "../src/waiting.ts";

describe("the screen", () => {
  it("draws in place, only when something changes, and no more than fits", () => {
    const written: string[] = [];
    const screen = new Screen({ rows: 4, columns: 10, write: (text) => written.push(text.replaceAll("\x1b[", "^")) });
    screen.draw(["a", "b"]);
    screen.draw(["a", "b"]);
    screen.draw(["a"]);
    screen.draw(["1", "2", "3", "4", "5"]);
    expect(written).toEqual(["\ra^K\nb^K\n^J", "^2A\ra^K\n^J", "^1A\r1^K\n2^K\n3^K\n^J"]);
  });
});

describe("columns", () => {
  it("are as wide as their widest cell", () => {
    expect(columns([["a", "bb", "c"], ["aaa", "b"], []])).toEqual(["a    bb  c", "aaa  b", ""]);
  });
});

describe("waiting", () => {
  it("ends with what is there", async () => {
    let looks = 0;
    const value = await until({ what: "it", deadlineMs: 60_000, pollMs: 1 }, () =>
      ++looks < 3 ? notYet() : yes(looks),
    );
    expect(value).toBe(3);
  });

  it("ends at the deadline with what was waited for, why, and where to look", async () => {
    const waiting = until({ what: "a leader", deadlineMs: 0, lookAt: "x.log" }, () => notYet("2 answer"));
    await expect(waiting).rejects.toThrow("waited 0 s for a leader in vain: 2 answer. Look at x.log");
  });

  it("takes what comes in time, and says what did not", async () => {
    expect(await inTime(Promise.resolve(7), { what: "it", deadlineMs: 60_000 })).toBe(7);
    await expect(inTime(Promise.reject(new Error("no")), { what: "it", deadlineMs: 60_000 })).rejects.toThrow("no");
    const never = new Promise(() => undefined);
    await expect(inTime(never, { what: "it", deadlineMs: 0, lookAt: "x.log" })).rejects.toThrow(
      "for it in vain. Look at x.log",
    );
  });

  it("ends when it is told to", async () => {
    const signal = AbortSignal.abort(new Error("stopped by SIGINT"));
    await expect(until({ what: "it", deadlineMs: 9, signal }, () => notYet())).rejects.toThrow("stopped by SIGINT");
  });
});
