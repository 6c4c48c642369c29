import type { WatchAnswer } from "@halon/replicator";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type GroupOptions, SimulatedGroup } from "../group.ts";
import { Mirror, map, put, readMap, remove } from "./mirror.ts";

const PATIENCE_MS = 60_000;

class Watched {
  readonly group: SimulatedGroup;
  readonly mirror: Mirror;

  constructor(options: GroupOptions = {}, seed = 1) {
    this.group = new SimulatedGroup(map, options, seed);
    this.until(() => this.group.leader !== undefined, "somebody leads");
    this.mirror = new Mirror(this.group.replicator);
    this.change(put("first", "1"));
    this.until(() => this.mirror.entries.has("k/first"), "the mirror follows");
    // The others are told that somebody watches.
    this.group.world.runFor(100);
  }

  until(condition: () => boolean, what: string): void {
    this.group.world.until(condition, PATIENCE_MS, what);
  }

  change(...payloads: readonly Uint8Array[]): void {
    let done = 0;
    for (const payload of payloads) this.group.replicator.update(payload, { idempotent: true }, () => done++);
    this.until(() => done === payloads.length, "the changes are applied");
  }

  /** The mirror becomes what the group has. */
  converge(): void {
    let state: ReadonlyMap<string, string> | undefined;
    readMap(this.group.replicator, (entries) => {
      state = entries;
    });
    this.until(() => state !== undefined, "the group answers");
    const textOf = (entries: Iterable<readonly [string, string]>): string =>
      JSON.stringify([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
    const wanted = textOf(state ?? []);
    const isSame = (): boolean => textOf(this.mirror.entries) === wanted;
    this.until(isSame, `the mirror is ${wanted}`);
  }

  /** The member that the watch waits at. */
  get asked() {
    const find = () => this.group.members.find(({ instance }) => (instance?.member.status.watch.watchers ?? 0) > 0);
    // Between two questions it waits at nobody.
    this.until(() => find() !== undefined, "somebody is asked");
    const found = find();
    if (found === undefined) throw new Error("nobody is asked");
    return found;
  }
}

describe("a watch of a group", () => {
  it("goes on at another member when the one that it waits at dies, with the same numbers, and misses nothing", () => {
    const watched = new Watched();
    for (let round = 0; round < 4; round++) {
      const { asked } = watched;
      watched.change(put(`before-${round}`, "x"));
      asked.kill();
      watched.change(put(`after-${round}`, "y"), remove("first"));
      watched.converge();
      asked.start();
      watched.change(put(`back-${round}`, "z"));
      watched.converge();
    }
    const keys = watched.mirror.told.flatMap((news) =>
      news.kind === "changes" ? news.changes.map(({ key }) => key) : [],
    );
    // A member that has just come back has kept nothing: who comes to it from long ago is told so.
    expect(watched.mirror.resyncs).toBeLessThanOrEqual(1);
    expect(keys).toEqual(expect.arrayContaining(["k/before-0", "k/after-0", "k/back-0"]));
  });

  it("L12 who waits at a member that takes over the state of a peer is sent to that state", () => {
    const watched = new Watched({ snapshotBytes: 100_000, cacheBytesMax: 1_024 });
    const { world, notices, members } = watched.group;
    const behind = members.find((each) => each !== watched.group.leader && each !== watched.asked);
    const member = behind?.instance?.member;
    const answers: WatchAnswer[] = [];
    let after = 0;
    const ask = (): void => {
      member?.watchRequest({ after, prefix: "k/", waitMs: 5_000, group: "" }, (answer) => {
        answers.push(answer);
        if (answer.kind === "changes") after = answer.upTo;
        if (answer.kind !== "resync") ask();
      });
    };
    const end = world.disconnect(behind?.machine.name ?? "");
    for (let round = 0; round < 30; round++)
      watched.change(...Array.from({ length: 10 }, (_, at) => put(`k${at}`, `${round % 10}`.repeat(2_000))));
    after = member?.status.applied ?? 0;
    ask();
    end();
    watched.until(() => notices.some(({ kind }) => kind === "installed"), "it takes over a state");
    watched.until(() => answers.at(-1)?.kind === "resync", "the watcher is told");
    const installed = notices.find(({ kind }) => kind === "installed");
    const last = answers.at(-1);
    expect(last?.kind === "resync" && installed?.kind === "installed" && last.index >= installed.number).toBe(true);
    watched.converge();
  });

  it("nothing is kept when nobody watches any more", () => {
    const watched = new Watched();
    watched.mirror.stop();
    watched.group.world.runFor(61_000);
    watched.change(put("alone", "1"));
    for (const { instance } of watched.group.members)
      expect(instance?.member.status.watch).toMatchObject({ watchers: 0, windowChanges: 0, windowBytes: 0 });
  });

  it("shows the group's state in the end, whatever dies and is cut off, with windows of any size", () => {
    const act = fc.oneof(
      fc.record({ kind: fc.constant("change" as const), count: fc.integer({ min: 1, max: 30 }), key: fc.nat(9) }),
      fc.record({ kind: fc.constantFrom("kill" as const, "cut" as const), which: fc.nat(2) }),
      fc.record({ kind: fc.constant("run" as const), ms: fc.nat(4_000) }),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 20 }),
        fc.constantFrom(2, 20, 1_000),
        fc.constantFrom(20_000, 64 * 1024 * 1024),
        fc.array(act, { maxLength: 14 }),
        (seed, changesMax, snapshotBytes, acts) => {
          const watched = new Watched({ watch: { changesMax }, snapshotBytes }, seed);
          const { world, members } = watched.group;
          let waiting = 0;
          let heal: () => void = () => undefined;
          for (const each of acts) {
            if (each.kind === "run") world.runFor(each.ms);
            else if (each.kind === "change")
              for (let at = 0; at < each.count; at++) {
                const payload = at % 5 === 4 ? remove(`${each.key}`) : put(`${each.key + (at % 3)}`, "v".repeat(500));
                waiting++;
                watched.group.replicator.update(payload, { idempotent: true }, () => waiting--);
              }
            else {
              // One at a time is away.
              heal();
              const process = members[each.which];
              if (each.kind === "kill") {
                process?.kill();
                heal = () => process?.start();
              } else heal = world.disconnect(process?.machine.name ?? "");
            }
          }
          heal();
          watched.until(() => waiting === 0, "all changes are applied");
          watched.change(put("last", `${seed}`));
          watched.converge();
          for (const { instance } of members)
            expect(instance?.member.status.watch.windowChanges).toBeLessThanOrEqual(changesMax);
        },
      ),
      { numRuns: 25 },
    );
  });
});
