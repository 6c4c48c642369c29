import { assert, type MemberId } from "@halon/consensus";
import {
  type Command,
  encodeReply,
  type LogInput,
  type LogOutput,
  type Outcome,
  ReplicatedLog,
} from "@halon/replicated-log";
import { type Cancel, Driver, type DriverOutput, fraction, type TimerInput } from "@halon/runtime";
import { AppliedState } from "./applied-state.ts";
import { ApplyQueue } from "./apply-queue.ts";
import { TrackedStore } from "./change-track.ts";
import type { DigestVerdict } from "./digest-watch.ts";
import type { FrameBody } from "./frame.ts";
import { FrameExchange } from "./frame-exchange.ts";
import type { LogMemberNotice, LogMemberOptions, LogMemberPorts, LogMemberStatus } from "./log-member-options.ts";
import { restoreMember, type StoredStateCondition } from "./restoring.ts";
import { StateExchange } from "./state-exchange.ts";
import { Submissions } from "./submissions.ts";
import { SNAPSHOT_BYTES_DEFAULT, Trimming } from "./trimming.ts";
import type { WatchAnswer, WatchRequest } from "./watch/index.ts";
import { WatchedState } from "./watch/watched-state.ts";

/** A leader without a state says nothing for so long, or until another leads. */
const MUTE_MS = 5_000;

type Perform = Exclude<LogOutput, DriverOutput>;

/**
 * One member of a replication group: binds the log's core and the state machine to clock, journal, store and network. Keeps
 * the journal bounded, serves its state to members that lack it, and takes over that of a peer when it is itself too far
 * behind, or its state is damaged or not that of the others. It votes all the while.
 */
export class LogMember {
  readonly #ports: LogMemberPorts;
  readonly #options: LogMemberOptions;
  readonly #log: ReplicatedLog;
  readonly #driver: Driver<LogInput, Perform & { readonly afterPersist?: boolean }>;
  readonly #frames: FrameExchange;
  readonly #submissions: Submissions;
  readonly #watched: WatchedState;
  readonly #state: AppliedState;
  readonly #queue: ApplyQueue;
  readonly #exchange: StateExchange;
  readonly #trimming: Trimming;
  /** Invariant: the state is open when `serving`, and closed otherwise. */
  #phase: "restoring" | "serving" | "installing" = "restoring";
  #leader: MemberId | undefined;
  #muteUntilMs = 0;
  /** A peer's state as of this decree is in the store, and the log is about to be told. */
  #installed: number | undefined;
  #cancelStart: Cancel = () => undefined;
  #counts = { installs: 0, damaged: 0, fulls: 0 };
  /** As the log was told. */
  #isFull = false;
  /** Messages before this member was ready. */
  #early = 0;

  constructor(options: LogMemberOptions, ports: LogMemberPorts) {
    const { clock, random, journal, send } = ports;
    const { self, commandBytesMax } = options;
    const store = new TrackedStore(ports.store);
    this.#ports = ports;
    this.#options = options;
    this.#log = new ReplicatedLog(options.consensus, {
      self,
      ...(commandBytesMax !== undefined && { commandBytesMax }),
    });
    const core = { step: (input: LogInput | TimerInput, nowMs: number) => this.#step(input, nowMs) };
    this.#driver = new Driver({ core, clock, random, journal, perform: (output) => this.#perform(output) });
    this.#submissions = new Submissions((token, commands) => this.#take(token, commands));
    const tellOthers = (): void => this.#frames.say("all", { kind: "watched" });
    this.#watched = new WatchedState(options.watch ?? {}, { clock, store, tellOthers });
    this.#state = new AppliedState(this.#watched.store, options.machine, options.sessions);
    this.#frames = new FrameExchange({ self, send, hear: (from, body) => this.#hear(from, body) });
    this.#queue = new ApplyQueue({
      clock,
      store,
      journal,
      apply: (output) => this.#apply(output),
      records: (token, records) => this.#driver.complete({ kind: "records", token, records }),
      rewind: () => this.#rewind(),
    });
    this.#exchange = new StateExchange({
      ...{ self, clock, random, store, digestEvery: options.digestEvery },
      say: (to, body) => this.#frames.say(to, body),
      peers: () => this.#peers(),
      state: () => this.#state,
      onVerdict: (verdict) => this.#onVerdict(verdict),
      onDistrusted: (peer) => this.#notice({ kind: "distrusted", peer }),
      onInstalled: (number, membership) => {
        this.#installed = number;
        this.#driver.complete({ kind: "install", number, membership });
      },
    });
    this.#trimming = new Trimming(options.snapshotBytes ?? SNAPSHOT_BYTES_DEFAULT, {
      ...{ journal, store, random },
      trim: (through) => this.#driver.complete({ kind: "trim", through }),
      awaited: () => this.#exchange.awaited,
    });
  }

  /**
   * Takes up its earlier life from the journal, or founds a group, and verifies the state in the store; then begins. In
   * slices, so that it takes a while: until then messages are dropped, and commands answered `busy`.
   */
  start(): void {
    const restore = (record: Uint8Array, seq: number): void => {
      this.#log.step({ kind: "restore", record, seq }, this.#ports.clock.nowMs());
    };
    const { storeDigest } = this.#options;
    this.#cancelStart = restoreMember(this.#ports, restore, storeDigest, (condition) => this.#begin(condition));
  }

  get status(): LogMemberStatus {
    return {
      ...this.#log.status,
      ...this.#counts,
      applied: this.#state.applied,
      logTimeMs: this.#state.logTimeMs,
      phase: this.#phase,
      ...this.#exchange.status,
      trims: this.#trimming.count,
      journalBytes: this.#ports.journal.bytesCount,
      held: this.#queue.held,
      refusedFrames: this.#frames.refused,
      dropped: this.#driver.refused + this.#exchange.refused + this.#submissions.malformed + this.#early,
      watch: this.#watched.status,
    };
  }

  /** What of {@link status} is asked for again and again, at no cost. */
  get position(): Pick<LogMemberStatus, "applied" | "logTimeMs" | "phase"> {
    return { applied: this.#state.applied, logTimeMs: this.#state.logTimeMs, phase: this.#phase };
  }

  /**
   * A message of the group, from a sender whose name, or id, the transport vouches for. Of unknown quality: what cannot be
   * read, or is signed by another, is counted and dropped.
   */
  receive(from: string, bytes: Uint8Array): void {
    if (this.#phase === "restoring") this.#early++;
    else this.#frames.receive(from, bytes);
  }

  /** A submission as a client sent it; `reply` is called once, with what to send back, unless the bytes mean nothing. */
  submit(submission: Uint8Array, reply: (bytes: Uint8Array) => void): void {
    const commands = this.#submissions.decode(submission);
    if (commands !== undefined) this.submitCommands(commands, (outcomes) => reply(encodeReply(outcomes)));
  }

  submitCommands(commands: readonly Command[], reply: (outcomes: readonly Outcome[]) => void): void {
    this.#submissions.take(commands, reply);
  }

  /** Answers from the state as applied here, which may be of the past; `undefined` while there is none to be used. */
  query(payload: Uint8Array): Uint8Array | undefined {
    return this.#state.query(payload);
  }

  /** A watcher's question, as {@link LogReplicator} sends it; `reply` is called once, with what to send back, unless the bytes mean nothing. */
  watch(question: Uint8Array, reply: (bytes: Uint8Array) => void): void {
    this.#watched.askBytes(question, reply);
  }

  /** Answered at once, or when something has changed, or after `waitMs`. */
  watchRequest(request: WatchRequest, done: (answer: WatchAnswer) => void): Cancel {
    return this.#watched.ask(request, done);
  }

  /** Drops at once what of the journal is not needed any more, as when its disk runs full. */
  trim(): void {
    if (this.#phase === "serving") this.#trimming.trimNow(this.#state.applied);
  }

  /** Journal and store are the caller's to close, afterwards. */
  stop(): void {
    this.#cancelStart();
    this.#driver.stop();
    this.#exchange.stop();
    this.#queue.stop();
    this.#submissions.clear();
    this.#watched.stop();
  }

  #begin(condition: StoredStateCondition): void {
    const { journal, random } = this.#ports;
    const { founding } = this.#options;
    if (journal.writtenSeq === 0 && founding !== undefined)
      this.#driver.complete({ kind: "found", membership: founding });
    this.#phase = condition === "sound" ? "serving" : "installing";
    if (condition === "sound") this.#open();
    this.#driver.complete({ kind: "start", applied: this.#state.applied, random: fraction(random) });
    if (condition === "damaged") {
      this.#counts.damaged++;
      this.#notice({ kind: "damaged" });
    }
  }

  #take(token: number, commands: readonly Command[]): boolean {
    // One that leads without a state could answer nothing; another one tells who leads.
    const isAble = this.#phase === "serving" || (this.#phase === "installing" && this.#leader !== this.#options.self);
    return isAble && this.#driver.submit({ kind: "submit", token, commands });
  }

  #step(input: LogInput | TimerInput, nowMs: number): readonly (LogOutput | DriverOutput)[] {
    // What was delivered before this does not follow the state that is there now, what comes after does.
    if (input.kind === "install") this.#resume(input.number);
    const outputs = this.#log.step(input, nowMs);
    this.#tellRoom();
    // Not before: only now the log knows what it has trimmed, and who its members are.
    if (input.kind === "start" && this.#phase === "installing")
      this.#exchange.install(this.#peers(), this.#log.status.trimmed);
    return outputs;
  }

  /** Each decree that is applied comes to a step, so that what is over is told soon. */
  #tellRoom(): void {
    const isFull = this.#phase !== "restoring" && this.#trimming.isFull(this.#queue.held);
    if (isFull === this.#isFull) return;
    this.#isFull = isFull;
    if (isFull) this.#counts.fulls++;
    this.#driver.complete({ kind: "full", isFull });
  }

  #hear(from: MemberId, body: FrameBody): void {
    if (body.kind === "consensus") this.#driver.submit({ kind: "message", from, bytes: body.bytes });
    else if (body.kind === "watched") this.#watched.heard();
    else this.#exchange.hear(from, body);
  }

  #open(): void {
    this.#state.open();
    this.#watched.open();
  }

  #perform(output: Perform): void {
    switch (output.kind) {
      case "send":
        return this.#send(output.to, output.bytes);
      case "apply":
        // Delivered again after the install.
        if (this.#phase === "serving") this.#queue.push(output);
        return;
      case "read":
        return this.#queue.push(output);
      case "query": {
        const outcomes = output.payloads.map((payload): Outcome => this.#state.answer(payload));
        this.#driver.complete({ kind: "queried", token: output.token, outcomes });
        return;
      }
      case "reply":
        return this.#submissions.reply(output.token, output.outcomes);
      case "leader":
        this.#leader = output.leader;
        this.#options.onLeader?.(output.leader);
        return;
      case "trimmed":
        this.#ports.journal.trim(output.beforeSeq);
        this.#trimming.onTrimmed();
        this.#tellRoom();
        return;
      case "behind":
        if (this.#maybeTakeOwnState()) return;
        if (this.#phase === "serving") this.#notice({ kind: "behind", from: output.from });
        return this.#install([...this.#peers(), output.from], 1);
      default:
        output satisfies never;
    }
  }

  /**
   * What was applied was decided, also where the last life had no time to note that in the journal: no peer is needed for
   * it, and none may have it any more.
   */
  #maybeTakeOwnState(): boolean {
    const { applied, membership } = this.#state;
    if (this.#phase !== "serving" || membership === undefined || applied <= this.#log.status.chosen) return false;
    this.#driver.complete({ kind: "install", number: applied, membership });
    return true;
  }

  #send(to: MemberId | "all", bytes: Uint8Array): void {
    const { self } = this.#options;
    if (to === self) this.#driver.complete({ kind: "message", from: self, bytes });
    else if (!this.#isMute) this.#frames.say(to, { kind: "consensus", bytes });
  }

  /** A leader that has lost its state is in the way: unheard, it is replaced. */
  get #isMute(): boolean {
    const isLeading = this.#phase === "installing" && this.#leader === this.#options.self;
    return isLeading && this.#ports.clock.nowMs() < this.#muteUntilMs;
  }

  #apply({ number, decree, membership }: LogOutput & { readonly kind: "apply" }): void {
    const outcomes = this.#state.apply(number, decree, membership);
    if (outcomes === undefined) return;
    this.#driver.complete({ kind: "applied", number, outcomes });
    this.#trimming.onApplied(number);
    this.#options.onApplied?.(number);
    this.#exchange.applied(number);
  }

  #onVerdict(verdict: DigestVerdict): void {
    this.#notice(verdict);
    if (verdict.kind === "diverged") this.#install(verdict.majority, 0);
  }

  /** Whom to ask for their state: those that lead nobody have more time. */
  #peers(): readonly MemberId[] {
    const { self } = this.#options;
    const leader = this.#leader;
    const members = this.#log.status.membership?.members ?? this.#state.membership?.members ?? [];
    const others = members.filter((member) => member !== self && member !== leader);
    return leader === undefined || leader === self ? others : [...others, leader];
  }

  /** The state is to be replaced by one that is at least `ahead` decrees further. Begun already, there are more to ask. */
  #install(peers: readonly MemberId[], ahead: number): void {
    // The one that has just been finished may do.
    if (this.#installed !== undefined) return;
    const atLeast = Math.max(this.#state.applied + ahead, this.#log.status.trimmed);
    if (this.#phase === "serving") {
      this.#phase = "installing";
      this.#state.close();
      this.#watched.close();
      this.#muteUntilMs = this.#ports.clock.nowMs() + MUTE_MS;
      this.#queue.drop();
    }
    this.#exchange.install(peers, atLeast);
  }

  /** Decrees were forgotten as too many waited: the log delivers them again. */
  #rewind(): void {
    const membership = this.#state.membership ?? this.#log.status.membership;
    if (this.#phase !== "serving" || membership === undefined) return;
    this.#driver.complete({ kind: "install", number: this.#state.applied, membership });
  }

  /** Just before the log takes the state as of `number` for granted. */
  #resume(number: number): void {
    this.#queue.resume();
    if (this.#installed !== number) return;
    this.#installed = undefined;
    this.#open();
    assert(this.#state.applied === number, `installed decree ${number}, found ${this.#state.applied}`);
    this.#phase = "serving";
    this.#counts.installs++;
    this.#trimming.reset(number);
    this.#options.onInstalled?.(number);
    this.#notice({ kind: "installed", number });
  }

  #notice(notice: LogMemberNotice): void {
    this.#options.onNotice?.(notice);
  }
}
