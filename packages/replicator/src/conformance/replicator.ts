import { type CallOutcome, COMMAND_BYTES_MAX, RESULT_BYTES_MAX } from "@halon/replicated-log";
import type { SuiteApi } from "@halon/runtime/conformance";
import type { ReplicatorHarness, TestGroup } from "./harness.ts";
import { bytesOf, recorder, textOf } from "./machine.ts";
import { watching } from "./watching.ts";

/** Calls at once: more than travel together, fewer than may wait. */
const MANY = 3_000;

const say = (outcome: CallOutcome | undefined): string => {
  if (outcome === undefined) return "nothing";
  if (outcome.kind === "result") return textOf(outcome.result);
  return outcome.kind === "refused" ? `refused ${outcome.code}` : outcome.kind;
};

/** Makes calls one after the other. */
class Caller {
  readonly #group: TestGroup;

  constructor(group: TestGroup) {
    this.#group = group;
  }

  async update(text: string, idempotent = false): Promise<string> {
    let outcome: CallOutcome | undefined;
    this.#group.replicator.update(bytesOf(text), { idempotent }, (each) => {
      outcome = each;
    });
    await this.#group.until(() => outcome !== undefined);
    return say(outcome);
  }

  query(payload: Uint8Array): Promise<string> {
    return this.#read((done) => this.#group.replicator.query(payload, done));
  }

  queryStale(payload: Uint8Array): Promise<string> {
    return this.#read((done) => this.#group.replicator.queryStale(payload, done));
  }

  async #read(ask: (done: (outcome: CallOutcome) => void) => void): Promise<string> {
    let outcome: CallOutcome | undefined;
    ask((each) => {
      outcome = each;
    });
    await this.#group.until(() => outcome !== undefined);
    return say(outcome);
  }

  log(): Promise<string> {
    return this.query(bytesOf("log"));
  }
}

type Body = (group: TestGroup, caller: Caller, expect: SuiteApi["expect"]) => Promise<void>;
type Check = (name: string, body: Body) => void;

/** What every {@link Replicator} promises. Takes the test runner's functions, so that it imports none. */
export function replicatorConformance({ describe, it, expect }: SuiteApi, harness: ReplicatorHarness): void {
  const check: Check = (name, body) =>
    it(name, async () => {
      const group = await harness.open(recorder);
      try {
        await body(group, new Caller(group), expect);
      } finally {
        await group.close();
      }
    });
  describe("replicator conformance", () => {
    answering(check);
    reading(check);
    calling(check);
    refusing(check);
    watching({ it, expect }, harness);
  });
}

function answering(check: Check): void {
  check("an update is answered by the state machine, and a query sees it", async (_group, caller, expect) => {
    expect(await caller.log()).toBe("");
    expect(await caller.update("a")).toBe("1 a");
    expect(await caller.log()).toBe("a");
    expect(await caller.update("b", true)).toBe("2 b");
    expect(await caller.log()).toBe("a,b");
  });

  check("calls made one after the other are applied in that order", async (_group, caller, expect) => {
    for (let at = 1; at <= 20; at++) expect(await caller.update(`u${at}`)).toBe(`${at} u${at}`);
  });

  check("payloads and results arrive as they were", async ({ replicator, until }, _caller, expect) => {
    for (const length of [0, 1, 256, 100_000]) {
      const payload = Uint8Array.from({ length }, (_, at) => at & 0xff);
      let got: CallOutcome | undefined;
      replicator.query(payload, (outcome) => {
        got = outcome;
      });
      await until(() => got !== undefined);
      expect(got?.kind === "result" && Buffer.compare(got.result, payload) === 0, `${length} bytes`).toBe(true);
    }
  });

  check("a query changes nothing", async (_group, caller, expect) => {
    await caller.query(bytesOf("x"));
    expect(await caller.log()).toBe("");
  });
}

function reading(check: Check): void {
  check("a query sees every update that was answered before it was made", async (_group, caller, expect) => {
    const applied: string[] = [];
    for (let at = 1; at <= 20; at++) {
      applied.push(`u${at}`);
      await caller.update(`u${at}`, at % 2 === 0);
      expect(await caller.log()).toBe(applied.join(","));
    }
  });

  check("queries made while updates go on see ever more of them, in order", async (group, _caller, expect) => {
    const { replicator, until } = group;
    const seen: string[] = [];
    let answered = 0;
    const next = (): void => {
      replicator.query(bytesOf("log"), (outcome) => {
        seen.push(say(outcome));
        if (answered < 50) next();
      });
    };
    for (let at = 0; at < 50; at++) replicator.update(bytesOf(`u${at}`), {}, () => answered++);
    next();
    await until(() => answered === 50 && seen.at(-1)?.split(",").length === 50);
    for (const [at, log] of seen.entries()) expect(log.startsWith(seen[at - 1] ?? "")).toBe(true);
  });

  check("a stale query sees a state that there was, and in the end the newest", async (group, caller, expect) => {
    const states = [""];
    for (let at = 1; at <= 10; at++) {
      await caller.update(`u${at}`);
      states.push([...(states.at(-1) ? [states.at(-1)] : []), `u${at}`].join(","));
      const seen = await caller.queryStale(bytesOf("log"));
      expect(states.includes(seen), seen).toBe(true);
    }
    let last = "";
    for (let calls = 0; last !== states.at(-1); ) {
      if (calls === 0)
        group.replicator.queryStale(bytesOf("log"), (outcome) => {
          last = say(outcome);
          calls = 0;
        });
      calls = 1;
      await group.until(() => calls === 0);
    }
  });

  check(
    "a stale query changes nothing, is refused like any other, and can be cancelled",
    async (group, caller, expect) => {
      const { replicator, until } = group;
      const got: string[] = [];
      const large = new Uint8Array(COMMAND_BYTES_MAX + 1);
      replicator.queryStale(large, (outcome) => got.push(say(outcome)));
      replicator.queryStale(bytesOf("cancelled"), () => got.push("cancelled"))();
      await until(() => got.length > 0);
      expect(await caller.queryStale(bytesOf("x"))).toBe("x");
      expect(await caller.log()).toBe("");
      expect(got).toEqual(["refused too-large"]);
    },
  );
}

function calling(check: Check): void {
  check("each of many calls at once is applied once and answered once", async (group, caller, expect) => {
    const { replicator, until } = group;
    const answers: string[] = [];
    for (let at = 0; at < MANY; at++)
      replicator.update(bytesOf(`u${at}`), { idempotent: at % 3 === 0 }, (outcome) => answers.push(say(outcome)));
    let queries = 0;
    for (let at = 0; at < MANY; at++) replicator.query(bytesOf("q"), () => queries++);
    expect(answers.length + queries).toBe(0);
    await until(() => answers.length === MANY && queries === MANY);
    const applied = (await caller.log()).split(",");
    expect(applied.length).toBe(MANY);
    expect(new Set(applied).size).toBe(MANY);
    expect(new Set(answers)).toEqual(new Set(applied.map((text, at) => `${at + 1} ${text}`)));
  });

  check("a callback is never called from within the call", async ({ replicator, until }, _caller, expect) => {
    let isInside = true;
    const inside: boolean[] = [];
    const note = (): void => {
      inside.push(isInside);
    };
    replicator.update(bytesOf("u"), {}, note);
    replicator.query(bytesOf("q"), note);
    replicator.update(new Uint8Array(COMMAND_BYTES_MAX + 1), {}, note);
    isInside = false;
    await until(() => inside.length === 3);
    expect(inside).toEqual([false, false, false]);
  });

  check("a cancelled call is not called back, and harms no other", async ({ replicator }, caller, expect) => {
    let called = 0;
    const cancels = [
      replicator.update(bytesOf("cancelled"), {}, () => called++),
      replicator.query(bytesOf("q"), () => called++),
    ];
    for (const cancel of [...cancels, ...cancels]) cancel();
    expect((await caller.update("kept")).endsWith(" kept")).toBe(true);
    const log = (await caller.log()).split(",").filter((text) => text !== "cancelled");
    expect(log).toEqual(["kept"]);
    expect(called).toBe(0);
  });

  check("a call may be made from within a callback", async ({ replicator, until }, _caller, expect) => {
    const order: string[] = [];
    replicator.update(bytesOf("a"), {}, (first) => {
      order.push(say(first));
      replicator.update(bytesOf("b"), {}, (second) => order.push(say(second)));
    });
    await until(() => order.length === 2);
    expect(order).toEqual(["1 a", "2 b"]);
  });

  check("cancelling within the callback, and too late, does nothing", async ({ replicator, until }, caller, expect) => {
    let called = 0;
    const cancel = replicator.update(bytesOf("a"), {}, () => {
      called++;
      cancel();
    });
    await until(() => called > 0);
    cancel();
    expect(await caller.log()).toBe("a");
    expect(called).toBe(1);
  });
}

function refusing(check: Check): void {
  check("a command that is too large is refused and not applied", async ({ replicator, until }, caller, expect) => {
    for (const call of [replicator.update.bind(replicator), undefined]) {
      let got: CallOutcome | undefined;
      const large = new Uint8Array(COMMAND_BYTES_MAX + 1);
      const done = (outcome: CallOutcome): void => {
        got = outcome;
      };
      if (call === undefined) replicator.query(large, done);
      else call(large, {}, done);
      await until(() => got !== undefined);
      expect(say(got)).toBe("refused too-large");
    }
    expect(await caller.log()).toBe("");
  });

  check(
    "an answer that is too large is refused, one that just fits is not",
    async ({ replicator, until }, _c, expect) => {
      const got: string[] = [];
      for (const length of [RESULT_BYTES_MAX + 1, RESULT_BYTES_MAX])
        replicator.query(bytesOf(`large ${length}`), (outcome) => {
          got.push(outcome.kind === "result" ? `${outcome.result.byteLength} bytes` : say(outcome));
        });
      await until(() => got.length === 2);
      expect(got.sort()).toEqual([`${RESULT_BYTES_MAX} bytes`, "refused too-large"]);
    },
  );

  check("many large answers at once all arrive", async ({ replicator, until }, _caller, expect) => {
    let bytes = 0;
    for (let at = 0; at < 20; at++)
      replicator.query(bytesOf(`large ${RESULT_BYTES_MAX}`), (outcome) => {
        bytes += outcome.kind === "result" ? outcome.result.byteLength : 0;
      });
    await until(() => bytes >= 20 * RESULT_BYTES_MAX);
    expect(bytes).toBe(20 * RESULT_BYTES_MAX);
  });
}
