import { VirtualClock } from "@halon/runtime";
import { describe, expect, it } from "vitest";
import type { LogFile } from "../src/log/log-file.ts";
import { LINE_BYTES_MAX, LogSink, WAITING_BYTES_MAX } from "../src/log/log-sink.ts";

/** A disk that does what it is told, when it is told. */
class Disk implements LogFile {
  text = "";
  #pending: { chunk: Buffer; done: (bytesWritten: number, error: Error | undefined) => void } | undefined;

  append(chunk: Buffer, done: (bytesWritten: number, error: Error | undefined) => void): void {
    expect(this.#pending).toBe(undefined);
    this.#pending = { chunk, done };
  }

  appendSync(chunk: Buffer): void {
    this.text += chunk.toString();
  }

  /** Ends the append under way; false when there is none. */
  answer(error?: Error, bytesMax = Number.POSITIVE_INFINITY): boolean {
    const pending = this.#pending;
    if (pending === undefined) return false;
    this.#pending = undefined;
    const taken = pending.chunk.subarray(0, error === undefined ? bytesMax : 0);
    this.text += taken.toString();
    pending.done(taken.length, error);
    return true;
  }

  /** Answers all that comes. */
  drain(): void {
    while (this.answer());
  }
}

function rig() {
  const disk = new Disk();
  const clock = new VirtualClock();
  const reports: string[] = [];
  const sink = new LogSink({
    file: disk,
    clock,
    onLeftOut: (count, why) => {
      reports.push(`${count}: ${why}`);
      sink.write(`left out ${count}\n`);
    },
  });
  return { disk, clock, sink, reports };
}

const line = (bytes: number): string => `${"x".repeat(bytes - 1)}\n`;

describe("log sink", () => {
  it("writes lines in order, those that came meanwhile in one piece", () => {
    const { disk, sink } = rig();
    for (const each of ["1\n", "2\n", "3\n"]) sink.write(each);
    disk.answer();
    expect(disk.text).toBe("1\n");
    disk.answer();
    expect(disk.text).toBe("1\n2\n3\n");
    expect(disk.answer()).toBe(false);
  });

  it("goes on where a short write ended", () => {
    const { disk, sink } = rig();
    sink.write("abcdef\n");
    sink.write("next\n");
    disk.answer(undefined, 3);
    disk.drain();
    expect(disk.text).toBe("abcdef\nnext\n");
  });

  it("tries a failed write again, later", () => {
    const { disk, sink, clock } = rig();
    sink.write("kept\n");
    disk.answer(new Error("ENOSPC"));
    sink.write("too\n");
    expect(disk.answer()).toBe(false);
    clock.runUntil(10_000);
    disk.drain();
    expect(disk.text).toBe("kept\ntoo\n");
  });

  it("leaves lines out when too many wait, says so once there is room, and takes lines again", () => {
    const { disk, sink, reports } = rig();
    const each = line(1_024);
    const count = WAITING_BYTES_MAX / each.length;
    // One more, as one is under way.
    for (let n = 0; n < count + 1; n++) sink.write(each);
    for (let n = 0; n < 7; n++) sink.write("lost\n");
    expect(reports).toEqual([]);
    disk.drain();
    sink.write("after\n");
    disk.drain();
    expect(reports).toEqual(["7: they came faster than they could be written"]);
    expect(disk.text).toBe(`${each.repeat(count + 1)}left out 7\nafter\n`);
  });

  it("names the disk's error with the lines that it cost", () => {
    const { disk, sink, reports } = rig();
    sink.write("first\n");
    disk.answer(new Error("ENOSPC: no space left on device"));
    for (let n = 0; n < WAITING_BYTES_MAX / 1_024; n++) sink.write(line(1_024));
    sink.write("lost\n");
    sink.flushSync();
    expect(reports).toEqual(["1: ENOSPC: no space left on device"]);
    expect(disk.text.endsWith("left out 1\n")).toBe(true);
  });

  it("writes what waits before flushSync returns", () => {
    const { disk, sink } = rig();
    for (const each of ["1\n", "2\n", "3\n"]) sink.write(each);
    sink.flushSync();
    expect(disk.text).toBe("2\n3\n");
    disk.drain();
    expect(disk.text).toBe("2\n3\n1\n");
  });

  it("tells when all is written", () => {
    const { disk, sink } = rig();
    const seen: string[] = [];
    sink.drain(() => seen.push("nothing waited"));
    for (const each of ["1\n", "2\n"]) sink.write(each);
    sink.drain(() => seen.push(disk.text));
    expect(seen).toEqual(["nothing waited"]);
    disk.drain();
    expect(seen).toEqual(["nothing waited", "1\n2\n"]);
  });

  it("does not wait for ever for a disk that hangs", () => {
    const { disk, sink, clock } = rig();
    let isDone = false;
    sink.write("1\n");
    sink.write("2\n");
    sink.drain(() => {
      isDone = true;
    });
    expect(isDone).toBe(false);
    clock.runUntil(60_000);
    expect({ isDone, text: disk.text }).toEqual({ isDone: true, text: "2\n" });
    disk.drain();
    expect(disk.text).toBe("2\n1\n");
  });

  it("cuts a line that is too long, and keeps where it comes from", () => {
    const { disk, sink } = rig();
    const msg = "y".repeat(LINE_BYTES_MAX);
    const long = `${JSON.stringify({ level: "info", time: "t", service: "s", node: "n", pid: 1, msg, more: 1 })}\n`;
    sink.write(long);
    disk.drain();
    expect(disk.text.endsWith("\n")).toBe(true);
    expect(JSON.parse(disk.text)).toEqual({
      level: "info",
      time: "t",
      service: "s",
      node: "n",
      pid: 1,
      msg: "y".repeat(1_024),
      cutFromBytes: long.length,
    });
  });
});
