import { readState, type StateMachine } from "@halon/replicated-log";
import type { Cancel } from "@halon/runtime";
import type { SuiteApi } from "@halon/runtime/conformance";
import type { WatchFrom, WatchNews, WatchOptions } from "../watch/index.ts";
import type { ReplicatorHarness, TestGroup } from "./harness.ts";
import { bytesOf, recorder, textOf } from "./machine.ts";

type Expect = SuiteApi["expect"];
type Body = (group: WatchedGroup, expect: Expect) => Promise<void>;

/** Watches a group of the recorder. */
class WatchedGroup {
  readonly group: TestGroup;

  constructor(group: TestGroup) {
    this.group = group;
  }

  until(condition: () => boolean): Promise<void> {
    return this.group.until(condition);
  }

  /** One after the other. */
  async append(...texts: readonly string[]): Promise<void> {
    for (const text of texts) {
      let isDone = false;
      this.group.replicator.update(bytesOf(text), { idempotent: true }, () => {
        isDone = true;
      });
      await this.until(() => isDone);
    }
  }

  /** The number of the last decree, and the payloads. */
  async state(): Promise<{ readonly index: number; readonly log: readonly string[] }> {
    let text: string | undefined;
    this.group.replicator.query(bytesOf("state"), (outcome) => {
      text = outcome.kind === "result" ? textOf(outcome.result) : outcome.kind;
    });
    await this.until(() => text !== undefined);
    const [index = "", log = ""] = (text ?? "").split(" ");
    return { index: Number(index), log: log === "" ? [] : log.split(",") };
  }

  watch(from: WatchFrom): Watch {
    return new Watch(this.group, from);
  }

  /** Somebody watches, so that changes are kept from now on. Returns the state as of then. */
  async begin() {
    const { index } = await this.state();
    const first = this.watch({ after: index });
    await this.append("begin");
    await this.until(() => first.all.length > 0);
    first.cancel();
    return await this.state();
  }
}

/** What one watch was told; deals with it at once unless it is `slow`. */
class Watch {
  readonly all: WatchNews[] = [];
  readonly cancel: Cancel;
  isSlow = false;
  #proceed: (() => void) | undefined;

  constructor({ replicator }: TestGroup, from: WatchFrom) {
    this.cancel = replicator.watch(from, (news, proceed) => {
      this.all.push(news);
      if (this.isSlow) this.#proceed = proceed;
      else proceed();
    });
  }

  get changes() {
    return this.all.flatMap((news) => (news.kind === "changes" ? news.changes : []));
  }

  /** Payloads that were appended. */
  get entries(): readonly string[] {
    return this.changes.flatMap(({ key, value }) => (key.startsWith("entry/") && value ? [textOf(value)] : []));
  }

  get end(): WatchNews | undefined {
    return this.all.find(({ kind }) => kind !== "changes");
  }

  proceed(): void {
    this.isSlow = false;
    this.#proceed?.();
  }
}

/** Windows of a few changes: each append makes two. */
const SMALL: WatchOptions = { changesMax: 20, bytesMax: 1024 * 1024 };

interface WatchSetting extends WatchOptions {
  /** The recorder when left out. */
  readonly machine?: StateMachine;
}

/** Changes a little when it is told to begin, and otherwise more than fits into an answer. */
const amplifier: StateMachine = {
  apply(payload, state) {
    if (textOf(payload) === "begin") state.put("little/", payload);
    else for (let at = 0; at < 4; at++) state.put(`much/${at}`, new Uint8Array(200_000));
    return new Uint8Array(0);
  },
  query: (_payload, state) => bytesOf(`${readState(state).applied} `),
};

/** What watching promises. */
export function watching({ it, expect }: Pick<SuiteApi, "it" | "expect">, harness: ReplicatorHarness): void {
  const check: Check = (name, { machine = recorder, ...options }, body) =>
    it(name, async () => {
      const group = await harness.open(machine, options);
      try {
        await body(new WatchedGroup(group), expect);
      } finally {
        await group.close();
      }
    });
  telling(check);
  resyncing(check);
  ending(check);
}

type Check = (name: string, setting: WatchSetting, body: Body) => void;

function telling(check: Check): void {
  check("a watch tells each change once, in order, with the decree that made it", {}, async (group, expect) => {
    const { index } = await group.begin();
    const watch = group.watch({ after: index });
    await group.append("a", "b", "c");
    await group.until(() => watch.entries.length >= 3);
    await group.append("d");
    await group.until(() => watch.entries.length >= 4);
    expect(watch.entries).toEqual(["a", "b", "c", "d"]);
    expect(watch.changes.map(({ key }) => key.split("/")[0])).toEqual([
      "count",
      "entry",
      "count",
      "entry",
      "count",
      "entry",
      "count",
      "entry",
    ]);
    let last = index;
    for (const news of watch.all) {
      expect(news.kind === "changes" && news.upTo > last).toBe(true);
      if (news.kind !== "changes") continue;
      for (const change of news.changes) expect(change.index > last && change.index <= news.upTo).toBe(true);
      last = news.upTo;
    }
    expect(last <= (await group.state()).index).toBe(true);
  });

  check("a watch from an earlier decree tells what was changed since", {}, async (group, expect) => {
    const { index } = await group.begin();
    await group.append("a", "b");
    const early = group.watch({ after: index });
    await group.until(() => early.entries.length >= 2);
    const { index: later } = await group.state();
    await group.append("c");
    const late = group.watch({ after: later });
    await group.until(() => late.entries.length >= 1 && early.entries.length >= 3);
    expect([early.entries, late.entries]).toEqual([["a", "b", "c"], ["c"]]);
  });

  check("a watch of a prefix tells nothing else, and how far it has come", {}, async (group, expect) => {
    const { index } = await group.begin();
    const watch = group.watch({ after: index, prefix: "entry/" });
    const other = group.watch({ after: index, prefix: "nothing/" });
    await group.append("a", "b");
    await group.until(() => watch.entries.length >= 2);
    const { index: now } = await group.state();
    await group.until(() => other.all.some((news) => news.kind === "changes" && news.upTo >= now));
    expect(new Set(watch.changes.map(({ key }) => key.slice(0, 6)))).toEqual(new Set(["entry/"]));
    expect(other.changes).toEqual([]);
  });

  check("a watch that has read the state misses nothing of what is changed meanwhile", {}, async (group, expect) => {
    const replicator = group.group.replicator;
    await group.begin();
    let answered = 0;
    for (let at = 0; at < 200; at++) replicator.update(bytesOf(`u${at}`), {}, () => answered++);
    await group.until(() => answered >= 20);
    const { index, log } = await group.state();
    const watch = group.watch({ after: index });
    await group.until(() => answered === 200 && log.length + watch.entries.length >= 201);
    expect([...log, ...watch.entries]).toEqual((await group.state()).log);
  });
}

function resyncing(check: Check): void {
  check("a watch from too long ago is told to resync, and goes on from there", SMALL, async (group, expect) => {
    const { index } = await group.begin();
    await group.append(...Array.from({ length: 30 }, (_, at) => `u${at}`));
    const watch = group.watch({ after: index });
    await group.until(() => watch.end !== undefined);
    expect(watch.changes).toEqual([]);
    const resync = watch.end?.kind === "resync" ? watch.end.index : 0;
    const state = await group.state();
    expect(resync > index && resync <= state.index, `resync from ${resync}`).toBe(true);
    const again = group.watch({ after: state.index });
    await group.append("then");
    await group.until(() => again.entries.length > 0);
    expect(again.entries).toEqual(["then"]);
  });

  check("a watcher that is slow holds up nobody, and is told to resync", SMALL, async (group, expect) => {
    const { index } = await group.begin();
    const slow = group.watch({ after: index });
    slow.isSlow = true;
    await group.append("a");
    await group.until(() => slow.all.length > 0);
    await group.append(...Array.from({ length: 30 }, (_, at) => `u${at}`));
    expect(slow.entries).toEqual(["a"]);
    slow.proceed();
    await group.until(() => slow.end !== undefined);
    expect(slow.entries).toEqual(["a"]);
    expect(slow.end?.kind).toBe("resync");
  });

  check(
    "a decree that changes more than an answer takes is told as a resync",
    { machine: amplifier },
    async (group, expect) => {
      const { index } = await group.begin();
      const watch = group.watch({ after: index });
      await group.append("a");
      await group.until(() => watch.end !== undefined);
      expect([watch.changes, watch.end?.kind]).toEqual([[], "resync"]);
      const { index: later } = await group.state();
      const again = group.watch({ after: later, prefix: "little/" });
      await group.append("begin");
      await group.until(() => again.all.length > 0);
      expect(again.all.map(({ kind }) => kind)).toEqual(["changes"]);
    },
  );
}

function ending(check: Check): void {
  check("a watch is never told from within, nor after it is cancelled", {}, async (group, expect) => {
    const { index } = await group.begin();
    await group.append("a");
    let isInside = true;
    let inside = false;
    let told = 0;
    const { replicator } = group.group;
    const cancel = replicator.watch({ after: index }, (_news, proceed) => {
      inside ||= isInside;
      told++;
      isInside = true;
      proceed();
      isInside = false;
    });
    isInside = false;
    const silent = group.watch({ after: index });
    silent.cancel();
    silent.cancel();
    await group.until(() => told > 0);
    cancel();
    const before = told;
    const other = group.watch({ after: index });
    await group.append("b", "c");
    await group.until(() => other.entries.length >= 3);
    expect([inside, told - before, silent.all.length]).toEqual([false, 0, 0]);
  });

  check(
    "keys that are not watched here are refused, with those that are",
    { prefixes: ["entry/"] },
    async (group, expect) => {
      const { index } = await group.state();
      const [all, some, own] = ["", "entry/0", "~"].map((prefix) => group.watch({ after: index, prefix }));
      await group.append("a");
      await group.until(() => all?.end !== undefined && own?.end !== undefined && (some?.entries.length ?? 0) > 0);
      for (const end of [all?.end, own?.end])
        expect(end?.kind === "refused" && end.message.includes('watched can be "entry/"')).toBe(true);
      expect(some?.entries).toEqual(["a"]);
    },
  );
}
