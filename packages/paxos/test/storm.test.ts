import { CLOCK_RATE_ERROR_MAX, type Consensus, type ConsensusInput, type ConsensusOutput } from "@halon/consensus";
import { type Chance, calm, Disk, type MakeCore, storm } from "@halon/consensus/conformance";
import { describe, expect, it } from "vitest";
import { decodeMessage, decodeRecord, encodeMessage } from "../src/codec.ts";
import type { PaxosMessage } from "../src/message.ts";
import { makePaxos, type PaxosClusterOptions, paxosCluster } from "./cluster.ts";

/** `HALON_PAXOS_SEED=N` runs one seed, `HALON_PAXOS_RUNS=N` so many of them. */
const onlySeed = process.env["HALON_PAXOS_SEED"];
const runs = Number(process.env["HALON_PAXOS_RUNS"] ?? 200);
const seeds = onlySeed === undefined ? Array.from({ length: runs }, (_, at) => at + 1) : [Number(onlySeed)];

const SIZES = [3, 5, 3, 2, 5, 4, 1] as const;
const BLOWS = 60;
const PACE_MS = 25;
const PATIENCE_MS = 6_000;

function run(seed: number, options: Partial<PaxosClusterOptions> = {}): number {
  const replay = `HALON_PAXOS_SEED=${seed} npx vitest run --project unit packages/paxos/test/storm.test.ts`;
  const size = SIZES[seed % SIZES.length] as number;
  const cluster = paxosCluster({ size, seed, replay, clockRateError: CLOCK_RATE_ERROR_MAX, ...options });
  storm(cluster, { blows: BLOWS, paceMs: PACE_MS });
  calm(cluster, PATIENCE_MS);
  return cluster.ledger.highest;
}

describe("storms", () => {
  const weather = (): void => {
    let decided = 0;
    for (const seed of seeds) decided += run(seed);
    // A storm in which nothing happens proves nothing.
    expect(decided / seeds.length).toBeGreaterThan(onlySeed === undefined ? 10 : 0);
  };
  it(
    `P3 ${seeds.length} runs: whatever goes wrong, all agree; when it is over, something is decided`,
    weather,
    60_000 + 50 * seeds.length,
  );

  it("the same seed twice is the same run, to the byte", () => {
    const traceOf = (seed: number): string => {
      const lines: string[] = [];
      run(seed, { onSent: (from, to, bytes) => lines.push(`${from}>${to} ${Buffer.from(bytes).toString("base64")}`) });
      return lines.join("\n");
    };
    expect(traceOf(1)).toBe(traceOf(1));
    expect(traceOf(1)).not.toBe(traceOf(2));
  });
});

/** Loses its promises when power fails. */
class ForgetfulDisk extends Disk {
  override crashed(chance: Chance): Disk {
    const found = super.crashed(chance);
    // Nothing is trimmed here, so that seqs may be counted anew.
    return new ForgetfulDisk(
      found.records.filter((record) => decodeRecord(record).kind !== "promised"),
      found.first,
    );
  }
}

/** Says that all is durable as soon as it is written; a power cut takes what was written last. */
class LyingDisk extends Disk {
  override get durable(): number {
    return this.written;
  }

  override crashed(chance: Chance): Disk {
    const kept = this.records.length - chance.below(Math.min(4, this.records.length));
    return new LyingDisk(this.records.slice(0, kept), this.first);
  }
}

type Tamper = (input: ConsensusInput, output: ConsensusOutput) => ConsensusOutput;

/** Wraps a core to answer in its place. */
class Tampered implements Consensus {
  readonly #core: Consensus;
  readonly #tamper: Tamper;

  constructor(core: Consensus, tamper: Tamper) {
    this.#core = core;
    this.#tamper = tamper;
  }

  step(input: ConsensusInput, nowMs: number): readonly ConsensusOutput[] {
    return this.#core.step(input, nowMs).map((output) => this.#tamper(input, output));
  }

  get status() {
    return this.#core.status;
  }

  get canPropose() {
    return this.#core.canPropose;
  }
}

/** The message in a `send`, changed. */
const resaid = (output: ConsensusOutput, change: (message: PaxosMessage) => PaxosMessage): ConsensusOutput => {
  if (output.kind !== "send") return output;
  const addressed = decodeMessage(output.bytes);
  return { ...output, bytes: encodeMessage({ ...addressed, message: change(addressed.message) }) };
};

/** Says yes to an Accept below its promise. */
function yesToEverything(input: ConsensusInput, output: ConsensusOutput): ConsensusOutput {
  if (input.kind !== "message") return output;
  const { message: heard } = decodeMessage(input.bytes);
  return resaid(output, (message) =>
    message.kind === "refused" && heard.kind === "accept"
      ? { kind: "acceptOk", ballot: heard.ballot, number: heard.number }
      : message,
  );
}

/** Tells a candidate nothing of what it has accepted. */
const tellsNothing: Tamper = (_input, output) =>
  resaid(output, (message) => (message.kind === "prepareOk" ? { ...message, entries: [], more: false } : message));

/** Answers before its write is durable. */
const tooEarly: Tamper = (_input, output) => (output.kind === "send" ? { ...output, afterPersist: false } : output);

/** Confirms a read at once. */
const confirmsAll: Tamper = (_input, output) =>
  output.kind === "unconfirmed" ? { kind: "confirmed", token: output.token, number: 0 } : output;

const tampered =
  (tamper: Tamper): MakeCore =>
  (...given) =>
    new Tampered(makePaxos()(...given), tamper);

const BUG_SEEDS = 200;

/** What the first of the seeds that fails says; undefined when the bug lives through all of them. */
function caught(options: Partial<PaxosClusterOptions>): string | undefined {
  for (let seed = 1; seed <= BUG_SEEDS; seed++)
    try {
      run(seed, options);
    } catch (error) {
      return String(error);
    }
  return undefined;
}

describe("storms find planted bugs", () => {
  const bugs: Record<string, Partial<PaxosClusterOptions>> = {
    "an acceptor that forgets its promise when it restarts": { disk: () => new ForgetfulDisk() },
    "a disk that does not flush": { disk: () => new LyingDisk() },
    "answers that do not wait for the disk": { make: tampered(tooEarly) },
    "an acceptor that accepts below its promise": { make: tampered(yesToEverything) },
    "an acceptor that hides what it has accepted": { make: tampered(tellsNothing) },
    "a read that is confirmed by who does not lead": { make: tampered(confirmsAll) },
  };
  for (const [bug, options] of Object.entries(bugs))
    it(bug, () => {
      expect(caught(options)).toMatch(/agreement|promise|proposal|ballot|two values|fresh read/);
    });
});
