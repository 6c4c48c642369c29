import { journalConformance } from "@halon/runtime/conformance";
import { afterEach, describe, expect, it, vi } from "vitest";
import { openJournalFile } from "../src/index.ts";
import { FaultyDisk, until } from "./faulty-disk.ts";

// Real syncs, on a disk that others may keep busy.
vi.setConfig({ testTimeout: 60_000 });

const disks: FaultyDisk[] = [];
afterEach(() => {
  for (const disk of disks.splice(0)) disk.remove();
});

describe.each([{ segmentBytesMax: 64 * 1024 * 1024 }, { segmentBytesMax: 5_000 }])("with %o", ({ segmentBytesMax }) => {
  journalConformance(
    { describe, it, expect },
    {
      async fresh() {
        const disk = new FaultyDisk();
        disks.push(disk);
        let crashes = 0;
        return {
          open: (mode) =>
            openJournalFile({ dir: disk.dir, identity: "c/n1/1", mode, segmentBytesMax, fileSystem: disk.host() }),
          // Nothing of what was not synced survives the first time, then half, then all.
          crash: () => {
            const halves = crashes++;
            return disk.crash((unsyncedBytes) => Math.floor((unsyncedBytes * halves) / 2));
          },
        };
      },
      until,
    },
  );
});
