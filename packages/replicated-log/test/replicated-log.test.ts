import type { Consensus, ConsensusInput, ConsensusOutput, ConsensusStatus } from "@halon/consensus";
import {
  COMMAND_BYTES_MAX,
  COMMANDS_MAX,
  type Command,
  ELAPSED_MS_MAX,
  type LogInput,
  ReplicatedLog,
} from "@halon/replicated-log";
import { describe, expect, it } from "vitest";
import { decodeDecree } from "../src/codec.ts";
import { command, say } from "./commands.ts";
import { bytes, text } from "./map-store.ts";

const STATUS: ConsensusStatus = {
  role: "follower",
  leader: undefined,
  ballot: "0.-",
  chosen: 0,
  knownChosen: 0,
  inFlight: 0,
  refused: 0,
};

/** Does what the test says: what a protocol would have found out comes in as `next`. */
class ScriptedConsensus implements Consensus {
  readonly status = STATUS;
  readonly proposed: Uint8Array[] = [];
  window = 2;
  next: ConsensusOutput[] = [];
  #number = 0;

  get canPropose(): boolean {
    return this.proposed.length < this.window;
  }

  step(input: ConsensusInput): readonly ConsensusOutput[] {
    if (input.kind !== "propose") return this.next.splice(0);
    this.proposed.push(input.value);
    return [{ kind: "proposed", number: ++this.#number }];
  }
}

/** Steps a log by hand; says what it wants done in words. */
class Bench {
  readonly consensus = new ScriptedConsensus();
  readonly log: ReplicatedLog;
  nowMs = 1_000;

  constructor(waitingBytesMax?: number) {
    this.log = new ReplicatedLog(this.consensus, {
      self: "a",
      ...(waitingBytesMax !== undefined && { waitingBytesMax }),
    });
  }

  input(input: LogInput): string[] {
    return this.log.step(input, this.nowMs).map((output) => {
      if (output.kind === "apply")
        return `apply ${output.number} +${output.decree.elapsedMs} ${output.decree.commands.map((each) => text(each.payload)).join(",")}`;
      if (output.kind === "reply") return `reply ${output.token} ${output.outcomes.map(say).join(",")}`;
      return output.kind === "leader" ? `leader ${output.leader ?? "-"}` : output.kind;
    });
  }

  /** The consensus finds something out. */
  hear(...outputs: ConsensusOutput[]): string[] {
    this.consensus.next = outputs;
    return this.input({ kind: "timer", name: "any", random: 0 });
  }

  lead(leader: string | undefined): string[] {
    return this.hear({ kind: "leader", leader });
  }

  submit(token: number, ...payloads: readonly string[]): string[] {
    return this.input({ kind: "submit", token, commands: payloads.map((payload) => command("read", payload)) });
  }

  /** The oldest proposal is decided. */
  decide(number: number): string[] {
    const value = this.consensus.proposed.shift();
    if (value === undefined) throw new Error("nothing was proposed");
    return this.hear({ kind: "decided", number, value });
  }

  applied(number: number, ...results: readonly string[]): string[] {
    return this.input({
      kind: "applied",
      number,
      outcomes: results.map((result) => ({ kind: "result", result: bytes(result) })),
    });
  }

  get decrees(): string[] {
    return this.consensus.proposed.map((value) => {
      const { elapsedMs, commands } = decodeDecree(value);
      return `+${elapsedMs} ${commands.map(({ payload }) => text(payload)).join(",")}`;
    });
  }
}

describe("ReplicatedLog", () => {
  it("names the leader, as far as it is known, to who asks elsewhere", () => {
    const bench = new Bench();
    expect(bench.submit(1, "x", "y")).toEqual(["reply 1 notLeader -,notLeader -"]);
    expect(bench.lead("b")).toEqual(["leader b"]);
    expect(bench.submit(2, "x")).toEqual(["reply 2 notLeader b"]);
    expect(bench.consensus.proposed).toEqual([]);
  });

  it("makes one decree of all that gathers while the window is full, and replies when it is applied", () => {
    const bench = new Bench();
    bench.lead("a");
    bench.submit(1, "p");
    bench.submit(2, "q");
    expect(bench.submit(3, "r", "s")).toEqual([]);
    expect(bench.submit(4, "t")).toEqual([]);
    expect(bench.decrees).toEqual(["+0 p", "+0 q"]);
    expect(bench.decide(1)).toEqual(["apply 1 +0 p"]);
    expect(bench.decrees).toEqual(["+0 q", "+0 r,s,t"]);
    expect(bench.applied(1, "P")).toEqual(["reply 1 result P"]);
    bench.decide(2);
    bench.decide(3);
    expect(bench.applied(2, "Q")).toEqual(["reply 2 result Q"]);
    expect(bench.applied(3, "R", "S", "T")).toEqual(["reply 3 result R,result S", "reply 4 result T"]);
  });

  it("spreads what is too much over several decrees, and answers a submission once all of it is applied", () => {
    const bench = new Bench();
    bench.consensus.window = 10;
    bench.lead("a");
    const commands: Command[] = Array.from({ length: 3 }, () => ({
      ...command("read"),
      payload: new Uint8Array(COMMAND_BYTES_MAX - 100),
    }));
    bench.input({ kind: "submit", token: 1, commands });
    expect(bench.consensus.proposed.length).toBe(2);
    for (const value of bench.consensus.proposed) expect(value.byteLength).toBeLessThanOrEqual(512 * 1024);
    bench.decide(1);
    bench.decide(2);
    expect(bench.applied(1, "1", "2")).toEqual([]);
    expect(bench.applied(2, "3")).toEqual(["reply 1 result 1,result 2,result 3"]);
  });

  it("puts at most so many commands into a decree", () => {
    const bench = new Bench();
    bench.consensus.window = 0;
    bench.lead("a");
    for (let token = 0; token < 3; token++) bench.submit(token, ...Array.from({ length: 1_000 }, () => ""));
    bench.consensus.window = 5;
    bench.submit(9, "");
    expect(bench.consensus.proposed.map((value) => decodeDecree(value).commands.length)).toEqual([COMMANDS_MAX, 953]);
  });

  it("deposed: what is in flight is unknown, what waits was never proposed, what is decided is answered", () => {
    const bench = new Bench();
    bench.lead("a");
    bench.submit(1, "decided");
    bench.submit(2, "in flight");
    bench.submit(3, "next", "too");
    bench.submit(4, "waits");
    bench.decide(1);
    bench.submit(5, "waits too");
    expect(bench.lead("b")).toEqual([
      "reply 2 unknown",
      "reply 3 unknown,unknown",
      "reply 4 unknown",
      "reply 5 notLeader b",
      "leader b",
    ]);
    expect(bench.applied(1, "yes")).toEqual(["reply 1 result yes"]);
  });

  it("deposed: a decree decided later under the number of its own is nobody's answer", () => {
    const bench = new Bench();
    bench.lead("a");
    bench.submit(1, "mine");
    bench.lead(undefined);
    bench.lead("a");
    expect(bench.hear({ kind: "decided", number: 1, value: new Uint8Array(0) })).toEqual(["apply 1 +0 "]);
    expect(bench.applied(1)).toEqual([]);
  });

  it("is busy beyond what may wait, and is not when some of it has gone", () => {
    const bench = new Bench(200);
    bench.consensus.window = 0;
    bench.lead("a");
    bench.submit(1, "x".repeat(100));
    expect(bench.submit(2, "x".repeat(100))).toEqual(["reply 2 busy"]);
    bench.consensus.window = 1;
    expect(bench.submit(3, "y")).toEqual([]);
    bench.decide(1);
    expect(bench.submit(4, "x".repeat(100))).toEqual([]);
  });

  it("refuses a command that is too large, and takes the others of its submission", () => {
    const bench = new Bench();
    bench.lead("a");
    const large = { ...command("read"), payload: new Uint8Array(COMMAND_BYTES_MAX + 1) };
    bench.input({ kind: "submit", token: 1, commands: [large, command("read", "x")] });
    bench.decide(1);
    expect(bench.applied(1, "X")).toEqual(["reply 1 refused too-large,result X"]);
  });

  it("answers an empty submission at once", () => {
    expect(new Bench().submit(1)).toEqual(["reply 1 "]);
  });

  it("gives out log time as it passes under its own lead, at most a second per decree", () => {
    const bench = new Bench();
    bench.consensus.window = 100;
    bench.nowMs = 50_000;
    bench.lead("a");
    for (const passMs of [0, 10, 0.6, 0.6, 5_000, 1]) {
      bench.nowMs += passMs;
      bench.submit(bench.nowMs, "x");
    }
    // Fractions are carried over; what is above a second is not.
    expect(bench.decrees).toEqual(["+0 x", "+10 x", "+0 x", "+1 x", `+${ELAPSED_MS_MAX} x`, "+1 x"]);
    bench.nowMs += 700;
    bench.lead("b");
    bench.nowMs += 700;
    bench.lead("a");
    bench.nowMs += 3;
    bench.submit(1, "y");
    expect(bench.decrees.at(-1)).toBe("+3 y");
  });

  it("takes a decree that it cannot read for an empty one, and counts it", () => {
    const bench = new Bench();
    expect(bench.hear({ kind: "decided", number: 1, value: Uint8Array.of(255, 255) })).toEqual(["apply 1 +0 "]);
    expect(bench.log.status.undecodable).toBe(1);
  });

  it("hands on what is the driver's", () => {
    const bench = new Bench();
    const outputs: ConsensusOutput[] = [
      { kind: "persist", record: bytes("r") },
      { kind: "send", to: "all", bytes: bytes("m"), afterPersist: true },
      { kind: "read", token: 1, seqs: [1] },
      { kind: "timer", name: "any", atMs: 5 },
    ];
    expect(bench.hear(...outputs)).toEqual(["persist", "send", "read", "timer"]);
  });
});
