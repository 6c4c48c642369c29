import {
  BALLOT_ZERO,
  type Consensus,
  type ConsensusInput,
  type ConsensusOutput,
  compareBallots,
  formatBallot,
  type MemberId,
  type Membership,
} from "@halon/consensus";
import { Chance, storm } from "@halon/consensus/conformance";
import { Paxos } from "@halon/paxos";
import { describe, expect, it } from "vitest";
import { decodeMessage, decodeRecord } from "../src/codec.ts";
import type { PaxosRecord } from "../src/message.ts";
import { FAST, makePaxos, paxosCluster } from "./cluster.ts";
import { lineOf } from "./lines.ts";
import { encoded, promiseIn } from "./transcript.ts";

/** What a member has to remember. */
interface Memory {
  readonly promised: string;
  readonly chosen: number;
  readonly trimmed: number;
  readonly membership: Membership | undefined;
  /** What it would tell a candidate; undefined when it has no vote. */
  readonly open: readonly string[] | undefined;
}

type Held = PaxosRecord & { kind: "accepted" | "learned" };

/** The dumb twin: looks at all records that were ever written, as if nothing had been trimmed. */
function scan(self: MemberId, bytes: readonly Uint8Array[]): Memory {
  const records = bytes.map((each) => decodeRecord(each));
  const bases = records.flatMap((record) => (record.kind === "base" ? [record] : []));
  const held = new Map<number, Held>();
  let chosen = 0;
  for (const record of records)
    if (record.kind === "accepted" || record.kind === "learned") {
      held.set(record.number, record);
      chosen = Math.max(chosen, record.kind === "learned" ? record.number : record.chosen);
    } else if (record.kind === "base") chosen = Math.max(chosen, record.number);
  const membership = membershipAt(chosen, held, bases);
  const open = [...held.values()].filter(
    (record) => record.number > chosen && record.kind === "accepted" && record.legislature === membership?.legislature,
  );
  return {
    promised: formatBallot(promiseIn(bytes)),
    chosen,
    trimmed: Math.max(0, ...bases.map(({ number }) => number)),
    membership,
    open: membership?.members.includes(self)
      ? open.sort((a, b) => a.number - b.number).map((record) => contentText(record))
      : undefined,
  };
}

/** From the first record that says who decides, decree by decree; over what was installed by the record that says so. */
function membershipAt(
  chosen: number,
  held: ReadonlyMap<number, Held>,
  bases: readonly (PaxosRecord & { kind: "base" })[],
): Membership | undefined {
  let membership = bases[0]?.membership;
  for (let number = (bases[0]?.number ?? 0) + 1; membership !== undefined && number <= chosen; number++) {
    const record = held.get(number);
    const base = bases.find((each) => each.number >= number);
    if (record?.members) membership = { legislature: membership.legislature + 1, members: record.members };
    else if (record === undefined && base !== undefined) ({ number, membership } = base);
  }
  return membership;
}

const contentText = (record: {
  number: number;
  value: Uint8Array;
  members?: readonly MemberId[] | undefined;
}): string => lineOf({ kind: "learned", number: record.number, value: record.value, members: record.members });

/** What a core remembers that was restored from what is left, as seen from outside. */
function remembered(self: MemberId, records: readonly Uint8Array[], firstSeq: number): Memory {
  const core = new Paxos({ group: "g", self, ...FAST });
  for (const [at, record] of records.entries()) core.step({ kind: "restore", record, seq: firstSeq + at }, 0);
  const { trimmed } = { ...core.status };
  core.step({ kind: "start", applied: 1e9, random: 0.5 }, 0);
  const { ballot: promised, chosen, membership } = core.status;
  expect(trimmed).toBe(0);
  const open = membership?.members.includes(self) ? told(core, self, membership) : undefined;
  return { promised, chosen, trimmed: core.status.trimmed, membership, open };
}

/** All pages of what it tells a candidate, when nobody can hold a lease any more. */
function told(core: Paxos, self: MemberId, { members, legislature }: Membership): readonly string[] {
  const from = members.find((id) => id !== self);
  if (from === undefined) return toldAlone(core, self);
  const entries: string[] = [];
  for (let next = 1, more = true; more; ) {
    const prepare = { kind: "prepare", ballot: { round: 1e9, member: from }, from: next } as const;
    const outputs = core.step({ kind: "message", from, bytes: encoded(prepare, "g", legislature) }, 1e6);
    const page = pageIn(outputs);
    entries.push(...page.entries.map((entry) => contentText(entry)));
    more = page.more;
    next = (page.entries.at(-1)?.number ?? 0) + 1;
  }
  return entries;
}

/** Only itself is asked: it goes on by proposing again what it holds. */
function toldAlone(core: Paxos, self: MemberId): readonly string[] {
  const outputs = core.step({ kind: "timer", name: "election", random: 0 }, 1e6);
  const entries = pageIn(outputs).entries;
  expect(outputs.some((output) => output.kind === "send" && output.to === self)).toBe(true);
  return entries.map((entry) => contentText(entry));
}

function pageIn(outputs: readonly ConsensusOutput[]) {
  for (const output of outputs)
    if (output.kind === "send") {
      const { message } = decodeMessage(output.bytes);
      if (message.kind === "prepareOk") return message;
    }
  throw new Error("it does not answer a Prepare");
}

/** All records that each member has ever written and that outlived its crashes; and from where its journal must be whole. */
class Logs {
  readonly #logs = new Map<MemberId, { records: Uint8Array[]; cuts: { beforeSeq: number; baseSeq: number }[] }>();

  of(id: MemberId) {
    const log = this.#logs.get(id) ?? { records: [], cuts: [] };
    this.#logs.set(id, log);
    return log;
  }

  lose(id: MemberId, seq: number): void {
    const log = this.of(id);
    log.records.length = seq;
    log.cuts = log.cuts.filter(({ baseSeq }) => baseSeq <= seq);
  }
}

/** Runs a core, writes down what it writes down, and now and then looks at what would be left of it. */
class Watched implements Consensus {
  readonly #id: MemberId;
  readonly #core: Consensus;
  readonly #logs: Logs;
  readonly #look: (id: MemberId, core: Consensus) => void;
  #restored = 0;
  #isBorn = false;

  constructor(id: MemberId, core: Consensus, logs: Logs, look: (id: MemberId, core: Consensus) => void) {
    this.#id = id;
    this.#core = core;
    this.#logs = logs;
    this.#look = look;
  }

  step(input: ConsensusInput, nowMs: number): readonly ConsensusOutput[] {
    const outputs = this.#core.step(input, nowMs);
    if (input.kind === "restore") this.#restored = input.seq;
    // What was not durable when power failed is lost.
    else if (!this.#isBorn) this.#logs.lose(this.#id, this.#restored);
    if (input.kind === "restore") return outputs;
    this.#isBorn = true;
    const log = this.#logs.of(this.#id);
    for (const output of outputs)
      if (output.kind === "persist") log.records.push(output.record);
      else if (output.kind === "trimmed") log.cuts.push({ beforeSeq: output.beforeSeq, baseSeq: log.records.length });
    if (input.kind !== "found") this.#look(this.#id, this.#core);
    return outputs;
  }

  get status() {
    return this.#core.status;
  }

  get canPropose() {
    return this.#core.canPropose;
  }
}

const SEEDS = 20;
/** One step in so many is looked at. */
const LOOK_EVERY = 40;

describe("restore", () => {
  it("at any point, from a journal trimmed anywhere, a core knows what a scan of all records says", () => {
    let [looks, cuts, legislatures, opens] = [0, 0, 0, 0];
    for (let seed = 1; seed <= SEEDS; seed++) {
      const logs = new Logs();
      const chance = new Chance(seed);
      const look = (id: MemberId, core: Consensus): void => {
        if (chance.below(LOOK_EVERY) > 0) return;
        const { records, cuts: all } = logs.of(id);
        const end = chance.hits(0.5) ? records.length : chance.below(records.length + 1);
        const cut = chance.pick(all.filter(({ baseSeq }) => baseSeq <= end));
        const start = cut === undefined ? 1 : cut.beforeSeq - chance.below(Math.min(8, cut.beforeSeq));
        const expected = scan(id, records.slice(0, end));
        const found = remembered(id, records.slice(start - 1, end), start);
        expect(found, `seed ${seed}, ${id}: records ${start} … ${end}`).toEqual(expected);
        if (end === records.length) bounded(core, found);
        looks++;
        if (start > 1) cuts++;
        if ((found.membership?.legislature ?? 0) > 1) legislatures++;
        if ((found.open?.length ?? 0) > 0) opens++;
      };
      const make = makePaxos();
      const cluster = paxosCluster({
        size: 1 + (seed % 5),
        seed,
        make: (self, found) => new Watched(self, make(self, found), logs, look),
      });
      storm(cluster, { blows: 60, paceMs: 25 });
    }
    // It has looked at something.
    expect(Math.min(looks, cuts, legislatures, opens)).toBeGreaterThan(40);
  });

  /** What the live one knew for certain is in what it wrote; what it knew to be chosen may not be written yet. */
  function bounded(core: Consensus, found: Memory): void {
    const { ballot, chosen, trimmed, membership } = core.status;
    expect(found.promised).toBe(ballot);
    expect(found.trimmed).toBe(trimmed);
    expect(found.chosen).toBeLessThanOrEqual(chosen);
    expect(found.membership?.legislature ?? 0).toBeLessThanOrEqual(membership?.legislature ?? 0);
  }

  it("a journal without a record is a member that knows nothing", () => {
    expect(compareBallots(promiseIn([]), BALLOT_ZERO)).toBe(0);
    expect(remembered("a", [], 1)).toEqual({
      promised: formatBallot(BALLOT_ZERO),
      chosen: 0,
      trimmed: 0,
      membership: undefined,
      open: undefined,
    });
  });
});
