import { BALLOT_ZERO, createMembership, type Membership } from "@halon/consensus";
import { bytesOf, Chance, type Cluster, NO_FAULTS, storm, textOf } from "@halon/consensus/conformance";
import {
  decidedOf,
  describeWitness,
  fencingRecord,
  foundingRecords,
  isComplete,
  legislaturesOf,
  Paxos,
  type Recovery,
  RecoveryError,
  readWitness,
  recordsToSync,
  recover,
  type Witness,
} from "@halon/paxos";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeRecord } from "../src/codec.ts";
import type { PaxosRecord } from "../src/message.ts";
import { FAST, paxosCluster } from "./cluster.ts";

const FOUNDING = createMembership(["a", "b", "c"]);
const base = (number: number, membership = FOUNDING): PaxosRecord => ({
  kind: "base",
  number,
  membership,
  promised: BALLOT_ZERO,
  boot: 0,
});
const learned = (number: number, members?: readonly string[]): PaxosRecord => ({
  kind: "learned",
  number,
  value: bytesOf(members ? "" : `v${number}`),
  members,
});
const accepted = (
  number: number,
  text: string,
  { round = 1, chosen = 0, legislature = 1, members = undefined as string[] | undefined } = {},
): PaxosRecord => ({
  kind: "accepted",
  ballot: { round, member: "a" },
  number,
  value: bytesOf(text),
  chosen,
  legislature,
  members,
});

const readRecords = (member: string, records: readonly Uint8Array[]): Witness =>
  readWitness(
    member,
    records.map((bytes, at) => ({ seq: at + 1, bytes })),
  );
const witness = (member: string, ...records: readonly PaxosRecord[]): Witness =>
  readRecords(member, records.map(encodeRecord));
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at);
const numbersOf = (decided: ReadonlyMap<number, unknown>): number[] => [...decided.keys()];

/** What `before` is when it has appended what it lacks. */
const synced = (before: Witness, records: readonly Uint8Array[], all: ReturnType<typeof decidedOf>): Witness =>
  readRecords(before.member, [...records, ...recordsToSync(before, all)]);

describe("P5 sync", () => {
  const spans = fc.record({ base: fc.nat(12), known: fc.nat(10), open: fc.nat(4) });

  it("P5 over ranges that overlap, contain and interleave, all know the union up to the first gap", () => {
    let [gaps, gains] = [0, 0];
    fc.assert(
      fc.property(fc.array(spans, { minLength: 1, maxLength: 5 }), (members) => {
        const journals = members.map(({ base: from, known, open }) =>
          [
            base(from),
            ...range(from + 1, from + known).map((number) => learned(number)),
            // Accepted only: nobody may take it for decided.
            ...range(from + known + 1, from + known + open).map((number) =>
              accepted(number, "perhaps", { chosen: from + known }),
            ),
          ].map(encodeRecord),
        );
        const before = journals.map((records, at) => readRecords(`m${at}`, records));
        const union = new Set(members.flatMap(({ base: from, known }) => range(from + 1, from + known)));
        const decided = decidedOf(before);
        expect(numbersOf(decided)).toEqual([...union].sort((a, b) => a - b));
        for (const [at, each] of before.entries()) {
          const after = synced(each, journals[at] as Uint8Array[], decided);
          let expected = each.chosen;
          while (union.has(expected + 1)) expected++;
          expect(after.chosen).toBe(expected);
          if (expected > each.chosen) gains++;
          if ([...union].some((number) => number > expected)) gaps++;
          for (const number of range(each.chosen + 1, expected))
            expect(textOf(after.decrees.get(number)?.value ?? bytesOf("none"))).toBe(`v${number}`);
          expect(recordsToSync(after, decided)).toEqual([]);
        }
      }),
      { numRuns: 300 },
    );
    expect(Math.min(gaps, gains)).toBeGreaterThan(20);
  });

  it("P5 nothing to do is nothing written; who never had a vote is given nothing", () => {
    const all = [witness("a", base(0), ...range(1, 3).map((number) => learned(number)))];
    const decided = decidedOf(all);
    expect(all.map((each) => recordsToSync(each, decided))).toEqual([[]]);
    expect(recordsToSync(witness("b"), decided)).toEqual([]);
    expect(decidedOf([])).toEqual(new Map());
  });

  it("P5 lists decided decrees in order, each with the legislature that decided it", () => {
    const next = { legislature: 2, members: ["a", "b", "d"] };
    const all = [
      witness("b", base(6, next), learned(7)),
      witness("a", base(0), learned(1), learned(2), learned(3, next.members), learned(4)),
    ];
    const decided = decidedOf(all);
    expect([...legislaturesOf(all, decided)]).toEqual([
      [1, 1],
      [2, 1],
      [3, 1],
      [4, 2],
      [7, 2],
    ]);
    expect(all.map(describeWitness)).toEqual([
      "b: legislature 2 behind 6, chosen 7, accepted 7, promised 0.-",
      "a: legislature 1 behind 0, chosen 4, accepted 4, promised 0.-",
    ]);
  });

  it("P5 two that contradict each other are refused by name", () => {
    const other = witness("b", base(0), { kind: "learned", number: 1, value: bytesOf("other") });
    expect(() => decidedOf([witness("a", base(0), learned(1)), other])).toThrow(
      "decree 1 differs between a and b: one of them lies",
    );
  });

  it("P5 after storms, from the disks of all: the union is known to all that it reaches, and is what was delivered", () => {
    let gains = 0;
    for (let seed = 1; seed <= 30; seed++) {
      const cluster = stormy(seed);
      const all = cluster.members.map((id) => witnessOf(cluster, id));
      const decided = decidedOf(all);
      for (const [number, { value, members }] of decided)
        if (number <= cluster.ledger.highest && cluster.ledger.value(number) !== undefined && members === undefined)
          expect(textOf(value), `seed ${seed}, decree ${number}`).toBe(cluster.ledger.value(number));
      for (const each of all) {
        const disk = cluster.disk(each.member);
        const records = recordsToSync(each, decided);
        for (const record of records) disk.append(record);
        disk.flushed(disk.written);
        gains += records.length;
        expect(recordsToSync(witnessOf(cluster, each.member), decided)).toEqual([]);
      }
      // They go on from there as if they had learned it from each other: agreement is checked at each delivery.
      revive(cluster);
      cluster.decide("after the sync", 5_000);
    }
    expect(gains).toBeGreaterThan(50);
  });
});

const PACE_MS = 25;

/** All are dead, in the middle of something. */
function stormy(seed: number, size = 1 + (seed % 5)): Cluster {
  const cluster = paxosCluster({ size, seed, agreementOnly: true });
  storm(cluster, { blows: 20 + (seed % 7) * 10, paceMs: PACE_MS });
  for (const id of cluster.members) cluster.kill(id);
  return cluster;
}

function revive(cluster: Cluster): void {
  cluster.faults = NO_FAULTS;
  cluster.heal();
  for (const id of cluster.members) cluster.restart(id);
}

function witnessOf(cluster: Cluster, id: string): Witness {
  const { first, records } = cluster.disk(id);
  return readWitness(
    id,
    records.map((bytes, at) => ({ seq: first + at, bytes })),
  );
}

/** Everything that was delivered up to `through` is in the state as of `from`, or among the decrees. */
function kept({ ledger }: Cluster, { decrees }: Recovery, from: number, through: number, what: string): void {
  for (const number of range(from + 1, Math.min(through, ledger.highest))) {
    const text = ledger.value(number) ?? "";
    const isStopSign = ledger.membershipAfter(number) !== ledger.membershipAfter(number - 1);
    const value = decrees.get(number);
    expect(value && textOf(value), `${what}: decree ${number} of ${through}`).toBe(isStopSign ? "" : text);
  }
}

/** The first member of the new group, over the disk that is founded for it: what it delivers, in order. */
function founded(
  recovery: Recovery,
  from: number,
): { readonly delivered: ReadonlyMap<number, string>; readonly core: Paxos } {
  const core = new Paxos({ group: "new", self: "z.new", ...FAST });
  const disk = foundingRecords(recovery, from, ["z.new"]);
  for (const [at, record] of disk.entries()) core.step({ kind: "restore", record, seq: at + 1 }, 0);
  const delivered = new Map<number, string>();
  const outputs = [...core.step({ kind: "start", applied: from, random: 0.5 }, 0)];
  for (const output of outputs) {
    if (output.kind === "decided") delivered.set(output.number, textOf(output.value));
    if (output.kind !== "read") continue;
    const records = output.seqs.map((seq) => disk[seq - 1] as Uint8Array);
    outputs.push(...core.step({ kind: "records", token: output.token, records }, 0));
  }
  return { delivered, core };
}

describe("L9 recovery", () => {
  it("L9 after any history, from the disks of at least half of the members, every decided decree is kept, and the old group decides no more; from fewer, what is lost is above what is named", () => {
    const seen = { complete: 0, incomplete: 0, pending: 0, refused: 0, legislatures: 0, lost: 0 };
    for (let seed = 1; seed <= 150; seed++) {
      const cluster = stormy(seed, 3 + (seed % 3));
      const chance = new Chance(seed);
      const all = cluster.members.map((id) => witnessOf(cluster, id));
      const chosen = all.filter(() => chance.hits(0.3 + 0.5 * chance.fraction()));
      // Who has trimmed has applied all that durably; its state may be further.
      const bases = chosen.map((each) => ({ each, number: each.base?.number ?? 0 }));
      const { each, number } = bases.sort((a, b) => b.number - a.number)[0] ?? {};
      const from = number === undefined || each === undefined ? 0 : number + chance.below(each.chosen - number + 1);
      const stated: Membership | undefined = from === 0 ? undefined : cluster.ledger.membershipAfter(from);
      let recovery: Recovery;
      try {
        recovery = recover(chosen, from, stated);
      } catch (error) {
        expect(error).toBeInstanceOf(RecoveryError);
        seen.refused++;
        continue;
      }
      const what = `seed ${seed}, ${chosen.map(({ member }) => member).join()} of ${recovery.membership.members.join()}`;
      expect(numbersOf(recovery.decrees), what).toEqual(range(from + 1, from + recovery.decrees.size));
      if (recovery.pending) seen.pending++;
      if (recovery.membership.legislature > 1) seen.legislatures++;
      if (!isComplete(recovery)) {
        seen.incomplete++;
        kept(cluster, recovery, from, recovery.knownChosen, what);
        if (cluster.ledger.highest > recovery.knownChosen) seen.lost++;
        continue;
      }
      seen.complete++;
      kept(cluster, recovery, from, cluster.ledger.highest, what);
      for (const { member } of chosen) {
        const disk = cluster.disk(member);
        disk.append(fencingRecord());
        disk.flushed(disk.written);
      }
      revive(cluster);
      // What was decided before may come to be known; nothing may be added to it.
      for (const text of ["x", "y", "z"]) {
        cluster.runFor(200);
        cluster.propose(text);
        expect(cluster.ledger.has(text), what).toBe(false);
      }
      kept(cluster, recovery, from, cluster.ledger.highest, `${what}, afterwards`);
      const { delivered, core } = founded(recovery, from);
      expect(delivered, what).toEqual(new Map([...recovery.decrees].map(([at, value]) => [at, textOf(value)])));
      expect(core.status.membership?.members).toEqual(["z.new"]);
    }
    for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(2);
  });

  it("L9 half of the members, rounded up, are enough", () => {
    for (const [members, needed] of [
      [1, 1],
      [2, 1],
      [3, 2],
      [4, 2],
      [5, 3],
    ] as const) {
      const membership = createMembership(["a", "b", "c", "d", "e"].slice(0, members));
      const of = (count: number): Recovery =>
        recover(
          membership.members.slice(0, count).map((id) => witness(id, base(0, membership))),
          0,
        );
      expect(of(needed)).toMatchObject({ neededCount: needed, missing: membership.members.slice(needed) });
      expect(isComplete(of(needed))).toBe(true);
      if (needed > 1) expect(isComplete(of(needed - 1))).toBe(false);
    }
  });

  it("L9 takes the value of the highest ballot for what may have been decided, of the legislature in force alone", () => {
    const value = (...all: readonly Witness[]): string => textOf(recover(all, 0).decrees.get(2) ?? bytesOf("nothing"));
    const a = witness("a", base(0), learned(1), accepted(2, "low", { round: 3, chosen: 1 }));
    const b = witness("b", base(0), learned(1), accepted(2, "high", { round: 4, chosen: 1 }));
    expect([value(a, b), value(b, a), value(a, witness("c", base(0)))]).toEqual(["high", "high", "low"]);
    const members = ["a", "b", "d"];
    const next = witness("d", base(1, { legislature: 2, members }), accepted(2, "new", { chosen: 1, legislature: 2 }));
    expect(textOf(recover([a, b, next], 1).decrees.get(2) ?? bytesOf("nothing"))).toBe("new");
  });

  it("L9 is refused on a gap below the highest known to be chosen, whatever others accepted there", () => {
    const trimmed = witness("a", base(5), learned(6));
    const other = witness("b", base(0), learned(1), accepted(2, "low", { chosen: 1 }));
    expect(() => recover([trimmed, other], 0)).toThrow(
      /^decree 2 is missing, though all up to 6 were decided, as a says: .* Add the directory of another member/,
    );
    // With the applied state of the one that has trimmed there is none.
    expect(numbersOf(recover([trimmed, other], 5).decrees)).toEqual([6]);
  });

  it("L9 behind a stop sign that may have been chosen, enough of those that it names are needed too", () => {
    const stop = { chosen: 1, members: ["b", "d", "e"] };
    const [a, b] = ["a", "b"].map((id) => witness(id, base(0), learned(1), accepted(2, "", stop))) as [
      Witness,
      Witness,
    ];
    expect(recover([a, b], 0)).toMatchObject({ present: ["a", "b"], pending: { present: ["b"], neededCount: 2 } });
    expect(isComplete(recover([a, b], 0))).toBe(false);
    const d = witness("d", base(1), accepted(2, "", stop));
    expect(isComplete(recover([a, b, d], 1))).toBe(true);
  });

  it("L9 believes the applied state about who decides, and counts nobody who never had a vote", () => {
    const stated = { legislature: 2, members: ["a", "d", "e"] };
    const [a, b] = ["a", "b"].map((id) => witness(id, base(0), learned(1))) as [Witness, Witness];
    expect(recover([a, b], 2, stated)).toMatchObject({ membership: stated, present: ["a"], missing: ["d", "e"] });
    expect(recover([a, witness("b")], 0)).toMatchObject({ present: ["a"], missing: ["b", "c"] });
    expect(() => recover([witness("a")], 0)).toThrow("none of these directories has ever been a member's");
  });

  it("L9 who is fenced promises nothing more, and never stands", () => {
    const cluster = paxosCluster({ size: 1, seed: 1 });
    cluster.decide("before", 5_000);
    cluster.kill("a");
    const disk = cluster.disk("a");
    disk.append(fencingRecord());
    disk.flushed(disk.written);
    cluster.restart("a");
    cluster.runFor(5_000);
    const status = cluster.life("a")?.core.status;
    expect(status).toMatchObject({ role: "follower", ballot: `${2 ** 52}.-` });
    expect(status?.disowned.get("a")).toMatch(/fenced for good.*empty directory/);
  });
});
