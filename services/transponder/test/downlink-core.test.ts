import type { NodeCommand } from "@halon/proto";
import { BATCHES_MAX, DownlinkCore, type DownlinkInput, type DownlinkOutput, SENDS_MAX } from "@halon/transponder";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const command = (id: string, node: string): NodeCommand => ({ id, node, epoch: 1 });

class Bench {
  readonly core = new DownlinkCore();
  readonly sends: (DownlinkOutput & { kind: "send" })[] = [];
  readonly answers: (DownlinkOutput & { kind: "answer" })[] = [];
  #token = 0;

  step(input: DownlinkInput): void {
    for (const output of this.core.step(input)) {
      if (output.kind === "send") this.sends.push(output);
      else this.answers.push(output);
    }
  }

  batch(...commands: readonly NodeCommand[]): void {
    this.step({ kind: "batch", token: ++this.#token, id: `b${this.#token}`, commands });
  }

  reply(outcome: string | undefined): void {
    const send = this.sends.shift();
    const reply = outcome === undefined ? undefined : { id: send?.command.id ?? "", outcome, message: "" };
    this.step({ kind: "replied", send: send?.send ?? 0, reply });
  }
}

describe("downlink core", () => {
  it("answers each batch once with the exact outcome of each command, over any replies", () => {
    const outcome = fc.constantFrom("done", "stale", "old-epoch", "refused", undefined);
    const batch = fc.array(fc.nat(5), { maxLength: 8 });
    fc.assert(
      fc.property(fc.array(batch, { maxLength: 6 }), fc.infiniteStream(outcome), (batches, outcomes) => {
        const bench = new Bench();
        for (const [at, nodes] of batches.entries())
          bench.batch(...nodes.map((node, index) => command(`${at}-${index}`, `n${node}`)));
        const expected = new Map<string, string>();
        const attempts = new Map<string, number>();
        while (bench.sends.length > 0) {
          const { id } = bench.sends[0]?.command ?? { id: "" };
          const said = outcomes.next().value;
          attempts.set(id, (attempts.get(id) ?? 0) + 1);
          expect(new Set(bench.sends.map((send) => send.command.node)).size, "one at a time").toBe(bench.sends.length);
          expected.set(id, said ?? "unreachable");
          bench.reply(said);
        }
        expect(Math.max(0, ...attempts.values())).toBeLessThanOrEqual(2);
        expect(bench.answers.map(({ id }) => id).sort()).toEqual(batches.map((_, at) => `b${at + 1}`).sort());
        for (const { token, replies } of bench.answers)
          expect(replies.map(({ id, outcome: said }) => [id, said])).toEqual(
            (batches[token - 1] ?? []).map((_, index) => [
              `${token - 1}-${index}`,
              expected.get(`${token - 1}-${index}`),
            ]),
          );
        expect(bench.core.status).toMatchObject({ batches: 0, sending: 0, waiting: 0 });
      }),
    );
  });

  it("has only so many commands under way, and so many batches", () => {
    const bench = new Bench();
    for (let batch = 0; batch < BATCHES_MAX + 1; batch++)
      bench.batch(...Array.from({ length: 200 }, (_, at) => command(`${batch}-${at}`, `n${batch}-${at}`)));
    expect(bench.sends).toHaveLength(SENDS_MAX);
    expect(bench.answers).toHaveLength(1);
    expect(new Set(bench.answers[0]?.replies.map(({ outcome }) => outcome))).toEqual(new Set(["unreachable"]));
    while (bench.sends.length > 0) bench.reply("done");
    expect(bench.answers).toHaveLength(BATCHES_MAX + 1);
  });

  it("refuses a batch of too many commands", () => {
    const bench = new Bench();
    bench.batch(...Array.from({ length: 257 }, (_, at) => command(`${at}`, "n1")));
    expect(bench.sends).toEqual([]);
    expect(bench.answers[0]?.replies).toHaveLength(257);
    expect(bench.answers[0]?.replies[0]).toMatchObject({ outcome: "refused" });
  });
});
