import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { StationGroup, until } from "./station-group.ts";

/** Room for the reserve, and for what a station keeps. */
const DISK_BYTES = 96 * 1024 * 1024;
/** What counts as nearly full. */
const LEFT_BYTES = 16 * 1024 * 1024;
const PIECE = Buffer.alloc(64 * 1024);

const mount = (dir: string): void => {
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "none", dir], { stdio: "ignore" });
};
const unmount = (dir: string): void => {
  execFileSync("umount", ["-l", dir], { stdio: "ignore" });
};

/** Only who may mount has a small disk to fill. */
const canMount = ((): boolean => {
  const dir = mkdtempSync(join(tmpdir(), "halon-mount-"));
  try {
    mount(dir);
    unmount(dir);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(dir, { recursive: true });
  }
})();

/** Writes to a file until so little is left. */
function fill(path: string, leftBytes: number): void {
  const handle = openSync(path, "w");
  try {
    for (;;) {
      const { bavail, bsize } = statfsSync(disk);
      const room = bavail * bsize - leftBytes;
      if (room <= 0) return;
      writeSync(handle, PIECE, 0, Math.min(room, PIECE.length));
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  } finally {
    closeSync(handle);
  }
}

let group: StationGroup;
let disk = "";
beforeEach(async () => {
  group = await StationGroup.found("a", "b", "c");
  disk = group.station("b").dir;
});
afterEach(async () => {
  for (const station of group.stations) if (station.isRunning) await station.end("SIGKILL");
  unmount(disk);
  await group.stop();
});

const isVoting = (status: Readonly<Record<string, unknown>>): boolean =>
  status["votes"] === true && status["healthy"] === true;

it.skipIf(!canMount)(
  "L14 a full disk: the station says so, ends when nothing fits any more, and goes on as the same member when there is room",
  async () => {
    const b = group.station("b");
    for (const node of ["a", "c"]) group.station(node).start();
    await group.promulgate("first");
    rmSync(disk, { recursive: true });
    mkdirSync(disk);
    mount(disk);
    b.start();
    await group.healthy("b", isVoting);
    const { member } = b;
    const load = group.load("load");
    const ended = b.end();
    // Nearly full it says so, and goes on.
    fill(join(disk, "filler-1"), LEFT_BYTES);
    await until(
      () => b.output.includes("the disk is full, or nearly so"),
      () => group.describe("b does not notice that its disk runs full"),
    );
    expect(await group.health("b")).toMatchObject({ votes: true, diskFull: true });
    // It gives up its reserve and goes on with that, however slow the load is: what it gives back is filled as well.
    let hasEnded = false;
    void ended.then(() => {
      hasEnded = true;
    });
    let fillers = 1;
    await until(
      () => {
        fill(join(disk, `filler-${++fillers}`), 0);
        return hasEnded;
      },
      () => group.describe("b does not end, and nothing fits any more"),
    );
    // After a write that failed LMDB may end the process with a signal, when all is said and closed.
    expect([1, null]).toContain(await ended);
    expect(b.output).toMatch(/"msg":"stopped"/);
    expect(b.output).toMatch(/"level":"error".*the disk is full, or nearly so .* what is not needed is given back now/);
    expect(b.output).toMatch(/"level":"fatal".*The disk is full: make room on it and start again/);
    execFileSync("sh", ["-c", 'rm -f "$1"/filler-*', "sh", disk]);
    b.start();
    await group.healthy("b", isVoting);
    expect(b.member).toBe(member);
    const stored = await load.stop();
    expect([...(await group.history())].sort()).toEqual(["first", ...stored].sort());
  },
);
