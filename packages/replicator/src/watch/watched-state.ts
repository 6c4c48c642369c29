import { type AppliedStore, type Change, POSITION_KEY, readState } from "@halon/replicated-log";
import type { Cancel, Clock, Store } from "@halon/runtime";
import { ChangeWindow, WINDOW_DEFAULTS, type WindowLimits } from "./change-window.ts";
import type { StateChange, WatchAnswer, WatchRequest } from "./watch.ts";
import { decodeWatchRequest, encodeWatchAnswer, WatchCodecError } from "./watch-codec.ts";
import { WatchDesk } from "./watch-desk.ts";

export interface WatchOptions extends Partial<WindowLimits> {
  /** Tells the history that decree numbers count from others of the same members: an id of the group. */
  readonly group?: string;
  /** Only keys that begin with one of these can be watched; all but the log's own when left out. */
  readonly prefixes?: readonly string[];
}

export interface WatchedStatePorts {
  readonly clock: Clock;
  readonly store: Store;
  /** Tells the other members that somebody watches, so that they can go on in this one's place. */
  readonly tellOthers?: () => void;
}

/** After the last question of a watcher, anywhere in the group, changes are kept for so long. */
export const WATCHED_MS = 60_000;
/** The other members are told so often that somebody watches here. */
export const TELL_MS = 5_000;
/** Keys of the log itself begin with it. */
const OWN = "~";

export interface WatchStatus {
  readonly watchers: number;
  readonly windowFrom: number;
  readonly windowChanges: number;
  readonly windowBytes: number;
  /** Questions that meant nothing. */
  readonly malformed: number;
}

/**
 * The state of one member as its watchers see it: what each decree writes is kept in a bounded window for as long as somebody
 * watches anywhere in the group, and costs nothing otherwise.
 */
export class WatchedState {
  readonly #ports: WatchedStatePorts;
  readonly #group: string;
  readonly #prefixes: readonly string[];
  readonly #limits: WindowLimits;
  readonly #desk: WatchDesk;
  /** `undefined` while nobody watches, or there is no state. */
  #window: ChangeWindow | undefined;
  #isOpen = false;
  #watchedUntilMs = Number.NEGATIVE_INFINITY;
  #cancelLapse: Cancel = () => undefined;
  #tellAtMs = Number.NEGATIVE_INFINITY;
  #malformed = 0;

  constructor({ group = "", prefixes = [""], ...limits }: WatchOptions, ports: WatchedStatePorts) {
    this.#ports = ports;
    this.#group = group;
    this.#prefixes = prefixes;
    this.#limits = { ...WINDOW_DEFAULTS, ...limits };
    this.#desk = new WatchDesk(ports.clock, group);
  }

  /** The store to apply to, in the place of the one that it stands on. */
  readonly store: AppliedStore = {
    get: (key) => this.#ports.store.get(key),
    range: (range) => this.#ports.store.range(range),
    write: (changes) => {
      this.#ports.store.write(changes);
      if (this.#window !== undefined) this.#note(changes, this.#window);
    },
  };

  get status(): WatchStatus {
    return {
      watchers: this.#desk.waiting,
      windowFrom: this.#window?.from ?? 0,
      windowChanges: this.#window?.changesCount ?? 0,
      windowBytes: this.#window?.bytesCount ?? 0,
      malformed: this.#malformed,
    };
  }

  /** There is a state in the store from here on. */
  open(): void {
    this.#isOpen = true;
    this.#keep();
  }

  /** The state is about to be replaced: who watches waits. */
  close(): void {
    this.#isOpen = false;
    this.#drop();
  }

  /** As `WatchDesk.ask`. */
  ask(request: WatchRequest, done: (answer: WatchAnswer) => void): Cancel {
    if (!this.#prefixes.some((prefix) => request.prefix.startsWith(prefix))) {
      const known = this.#prefixes.map((prefix) => JSON.stringify(prefix)).join(", ");
      const message = `keys that begin with ${JSON.stringify(request.prefix)}: watched can be ${known} and what begins so`;
      done({ kind: "refused", group: this.#group, code: "not-watched", message });
      return () => undefined;
    }
    this.heard();
    const nowMs = this.#ports.clock.nowMs();
    if (nowMs >= this.#tellAtMs) {
      this.#tellAtMs = nowMs + TELL_MS;
      this.#ports.tellOthers?.();
    }
    return this.#desk.ask(request, done);
  }

  /** A question as it came over the network; `reply` is called once, with what to send back, unless the bytes mean nothing. */
  askBytes(bytes: Uint8Array, reply: (bytes: Uint8Array) => void): void {
    let request: WatchRequest;
    try {
      request = decodeWatchRequest(bytes);
    } catch (error) {
      if (!(error instanceof WatchCodecError)) throw error;
      this.#malformed++;
      return;
    }
    this.ask(request, (answer) => reply(encodeWatchAnswer(answer)));
  }

  /** Somebody watches, here or at another member. */
  heard(): void {
    this.#watchedUntilMs = this.#ports.clock.nowMs() + WATCHED_MS;
    this.#keep();
  }

  stop(): void {
    this.#cancelLapse();
    this.#desk.stop();
    this.#window = undefined;
  }

  #keep(): void {
    if (!this.#isOpen || this.#window !== undefined || !this.#isWatched) return;
    this.#window = new ChangeWindow(readState(this.#ports.store).applied, this.#limits);
    this.#desk.use(this.#window);
    this.#lapse();
  }

  /** Gives the window up when nobody has watched for a while. */
  #lapse(): void {
    this.#cancelLapse = this.#ports.clock.at(this.#watchedUntilMs, () =>
      this.#isWatched ? this.#lapse() : this.#drop(),
    );
  }

  #drop(): void {
    this.#cancelLapse();
    this.#window = undefined;
    this.#desk.use(undefined);
  }

  get #isWatched(): boolean {
    return this.#ports.clock.nowMs() < this.#watchedUntilMs;
  }

  /** A write is that of whole decrees, and says of which the last one is. */
  #note(written: readonly Change[], window: ChangeWindow): void {
    const { applied: index } = readPosition(written);
    const changes: StateChange[] = [];
    for (const change of written) {
      const { key } = change;
      if (key.startsWith(OWN) || !this.#prefixes.some((prefix) => key.startsWith(prefix))) continue;
      // A copy: what is written may be a view on the whole decree.
      changes.push({ index, key, value: change.kind === "put" ? new Uint8Array(change.value) : undefined });
    }
    window.note(index, changes);
    if (changes.length > 0) this.#desk.changed();
  }
}

function readPosition(written: readonly Change[]): { readonly applied: number } {
  const at = written.findLast(({ key }) => key === POSITION_KEY);
  if (at?.kind !== "put") throw new Error("a decree was applied that does not say where the state is");
  return readState({ get: (key) => (key === POSITION_KEY ? at.value : undefined) });
}
