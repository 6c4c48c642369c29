import type { Consensus, ConsensusInput, ConsensusOutput } from "@halon/consensus";
import { type Chance, calm, Disk, type MakeCore, storm } from "@halon/consensus/conformance";
import { describe, expect, it } from "vitest";
import { decodeMessage, decodeRecord } from "../src/codec.ts";
import { makePaxos, type PaxosClusterOptions, paxosCluster } from "./cluster.ts";
import { encoded } from "./transcript.ts";

/** `HALON_PAXOS_SEED=N` runs one seed, `HALON_PAXOS_RUNS=N` so many of them. */
const onlySeed = process.env["HALON_PAXOS_SEED"];
const runs = Number(process.env["HALON_PAXOS_RUNS"] ?? 200);
const seeds = onlySeed === undefined ? Array.from({ length: runs }, (_, at) => at + 1) : [Number(onlySeed)];

const SIZES = [3, 5, 3, 2, 5, 4, 1] as const;
const BLOWS = 40;
const PACE_MS = 25;
const PATIENCE_MS = 4_000;

function run(seed: number, options: Partial<PaxosClusterOptions> = {}): number {
  const replay = `HALON_PAXOS_SEED=${seed} npx vitest run --project unit packages/paxos/test/storm.test.ts`;
  const cluster = paxosCluster({ size: SIZES[seed % SIZES.length] as number, seed, replay, ...options });
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
    const isKept = (record: Uint8Array): boolean => decodeRecord(record).kind !== "promised";
    return new ForgetfulDisk(super.crashed(chance).records.filter(isKept));
  }
}

/** Says that all is durable as soon as it is written; a power cut takes what was written last. */
class LyingDisk extends Disk {
  override get durable(): number {
    return this.written;
  }

  override crashed(chance: Chance): Disk {
    return new LyingDisk(this.records.slice(0, this.written - chance.below(Math.min(4, this.written + 1))));
  }
}

/** Wraps a core to answer in its place. */
class Tampered implements Consensus {
  readonly #core: Consensus;
  readonly #tamper: (input: ConsensusInput, output: ConsensusOutput) => ConsensusOutput;

  constructor(core: Consensus, tamper: (input: ConsensusInput, output: ConsensusOutput) => ConsensusOutput) {
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

/** Says yes to an Accept below its promise. */
function yesToEverything(input: ConsensusInput, output: ConsensusOutput): ConsensusOutput {
  if (input.kind !== "message" || output.kind !== "send") return output;
  const answer = decodeMessage(output.bytes).message;
  const { message } = decodeMessage(input.bytes);
  if (answer.kind !== "acceptRefused" || message.kind !== "accept") return output;
  return { ...output, bytes: encoded({ kind: "acceptOk", ballot: message.ballot, number: message.number }) };
}

/** Tells a candidate nothing of what it has accepted. */
function tellsNothing(_input: ConsensusInput, output: ConsensusOutput): ConsensusOutput {
  if (output.kind !== "send") return output;
  const { message } = decodeMessage(output.bytes);
  return message.kind === "prepareOk"
    ? { ...output, bytes: encoded({ ...message, entries: [], more: false }) }
    : output;
}

/** Answers before its write is durable. */
const tooEarly = (_input: ConsensusInput, output: ConsensusOutput): ConsensusOutput =>
  output.kind === "send" ? { ...output, afterPersist: false } : output;

const tampered =
  (tamper: (input: ConsensusInput, output: ConsensusOutput) => ConsensusOutput): MakeCore =>
  (...given) =>
    new Tampered(makePaxos()(...given), tamper);

/** What the first of the seeds that fails says; undefined when the bug lives through all of them. */
function caught(options: Partial<PaxosClusterOptions>): string | undefined {
  for (let seed = 1; seed <= 200; seed++)
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
  };
  for (const [bug, options] of Object.entries(bugs))
    it(bug, () => {
      expect(caught(options)).toMatch(/agreement|promise|proposal|ballot|two values/);
      // Also by what is delivered alone, without a look at messages and journals.
      expect(caught({ ...options, agreementOnly: true })).toMatch(/agreement|two values/);
    });
});
