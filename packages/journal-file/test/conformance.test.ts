import { journalConformance } from "@halon/runtime/conformance";
import { afterEach, describe, expect, it, vi } from "vitest";
import { hostFileSystem, openJournalFile } from "../src/index.ts";
import { FaultyDisk, unsynced, until } from "./faulty-disk.ts";

// On a disk and a machine that others may keep busy.
vi.setConfig({ testTimeout: 60_000 });

const disks: FaultyDisk[] = [];
afterEach(() => {
  for (const disk of disks.splice(0)) disk.dispose();
});

describe.each([
  { segmentBytesMax: 16 * 1024 * 1024, host: hostFileSystem },
  { segmentBytesMax: 5_000, host: unsynced },
])("with segments of $segmentBytesMax bytes", ({ segmentBytesMax, host }) => {
  journalConformance(
    { describe, it, expect },
    {
      async fresh() {
        const disk = new FaultyDisk(host);
        disks.push(disk);
        let crashes = 0;
        return {
          open: (mode) =>
            openJournalFile({
              dir: disk.dir,
              identity: "c/n1/1",
              mode,
              segmentBytesMax,
              reserveBytes: 0,
              fileSystem: disk.host(),
            }),
          // Nothing of what was not synced survives the first time, then half, then all.
          crash: () => {
            const halves = crashes++;
            return disk.crash((unsyncedBytes) => Math.floor((unsyncedBytes * Math.min(2, halves)) / 2));
          },
        };
      },
      until,
    },
  );
});
