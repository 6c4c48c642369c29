/** A process as it can be found again: `birth` differs between two processes that had the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly birth: string;
  /** Port it was told to listen on, 0 for none. */
  readonly port: number;
}

/** The right to run until `deadlineMs` on this machine's monotonic clock, from acknowledgements of `session`. */
export interface Grant {
  readonly session: number;
  readonly deadlineMs: number;
}

/** What is to be run. `key` is unique on the node: `web/0` for an instance, `monitor` for one of the node's own services. */
export interface RunRequest {
  readonly key: string;
  /** Told apart from all other runs of this agent; notices carry it. */
  readonly run: number;
  readonly generation: number;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Empty: the agent's own directory. */
  readonly cwd: string;
  /** `none`; else one is assigned, this one if it is free and not 0. */
  readonly port: number | "none";
  /** Present for an exclusive instance: it runs under a guard. */
  readonly grant?: Grant;
}

/** A process that an earlier life of the agent has stored. */
export interface KnownProcess extends ProcessIdentity {
  readonly key: string;
  readonly generation: number;
}

/** One that is alive. */
export interface Survivor extends KnownProcess {
  /** Of a guarded one: what its guard was last told. */
  readonly grant?: Grant;
}

export type DriverNotice =
  | { readonly kind: "started"; readonly key: string; readonly run: number; readonly process: ProcessIdentity }
  /** It listens on its port, or has been alive for a while. */
  | { readonly kind: "answering"; readonly key: string; readonly run: number }
  /** It could not be started, or nothing is left of its process group. Once per run. */
  | { readonly kind: "exited"; readonly key: string; readonly run: number; readonly reason: string };

/**
 * Runs programs on one machine. A run is a process group, which outlives the agent; a guarded one is killed as a whole
 * when its deadline passes, agent or not. Calls return at once; notices and `done` come later, never from within a call.
 */
export interface InstanceDriver {
  /**
   * Finds what earlier lives of this agent have left running: what is listed in `known`, and what bears the agent's mark.
   * `done` once, before anything is run.
   */
  survey(known: readonly KnownProcess[], done: (survivors: readonly Survivor[]) => void): void;
  run(request: RunRequest): void;
  /** Has a survivor's notices come in under this run; `answering` comes again. */
  adopt(run: number, survivor: Survivor): void;
  /** Asks the group to end, and kills it after `graceMs`; 0 kills at once. Again with a shorter grace: that counts. */
  end(key: string, run: number, graceMs: number): void;
  /** Moves the deadline of a guarded run. */
  renew(key: string, run: number, grant: Grant): void;
  /** One listener. */
  onNotice(listener: (notice: DriverNotice) => void): void;
  /** Watches no more; what runs goes on. */
  close(): void;
}
