import { readState, type StateMachine } from "@halon/replicated-log";
import type { LogReplicator, WatchNews } from "@halon/replicator";
import type { Cancel } from "@halon/runtime";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** `key value` puts, `key` alone deletes; a query gives the number of the last decree and all that there is. */
export const map: StateMachine = {
  apply(payload, state) {
    const [key = "", value] = decoder.decode(payload).split(" ");
    if (value === undefined) state.delete(`k/${key}`);
    else state.put(`k/${key}`, encoder.encode(value));
    return new Uint8Array(0);
  },
  query: (_payload, state) => {
    const entries = state.range({ from: "k/", to: "k0" }).map(([key, value]) => [key, decoder.decode(value)]);
    return encoder.encode(JSON.stringify({ index: readState(state).applied, entries }));
  },
};

/** A copy of the map, kept up to date by a watch; read anew whenever it is told to. */
export class Mirror {
  readonly entries = new Map<string, string>();
  index = 0;
  resyncs = 0;
  /** Of all that was told, in order. */
  readonly told: WatchNews[] = [];
  readonly #replicator: LogReplicator;
  #cancel: Cancel = () => undefined;

  constructor(replicator: LogReplicator) {
    this.#replicator = replicator;
    this.#load();
  }

  stop(): void {
    this.#cancel();
  }

  #load(): void {
    this.#cancel = this.#replicator.query(new Uint8Array(0), (outcome) => {
      if (outcome.kind !== "result") throw new Error(outcome.kind);
      const { index, entries } = JSON.parse(decoder.decode(outcome.result)) as {
        index: number;
        entries: [string, string][];
      };
      if (index < this.index) throw new Error(`read ${index} after ${this.index}`);
      this.index = index;
      this.entries.clear();
      for (const [key, value] of entries) this.entries.set(key, value);
      this.#cancel = this.#replicator.watch({ after: index, prefix: "k/" }, (news, proceed) => {
        this.told.push(news);
        if (news.kind === "refused") throw new Error(news.message);
        if (news.kind === "resync") {
          this.resyncs++;
          return this.#load();
        }
        for (const { key, value } of news.changes)
          if (value === undefined) this.entries.delete(key);
          else this.entries.set(key, decoder.decode(value));
        this.index = news.upTo;
        proceed();
      });
    });
  }
}

/** What the group has, as `Mirror.entries`. */
export function readMap(replicator: LogReplicator, done: (entries: ReadonlyMap<string, string>) => void): void {
  replicator.query(new Uint8Array(0), (outcome) => {
    if (outcome.kind !== "result") throw new Error(outcome.kind);
    done(new Map((JSON.parse(decoder.decode(outcome.result)) as { entries: [string, string][] }).entries));
  });
}

export const put = (key: string, value: string): Uint8Array => encoder.encode(`${key} ${value}`);
export const remove = (key: string): Uint8Array => encoder.encode(key);
