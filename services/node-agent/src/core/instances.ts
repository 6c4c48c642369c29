import type { InstanceSpec, InstanceState } from "@halon/proto";
import type { DriverNotice, KnownProcess, Survivor } from "../instance-driver.ts";
import type { Outputs } from "./agent-io.ts";
import type { InstanceRecord } from "./agent-state.ts";
import type { ExclusiveRight } from "./exclusive-right.ts";
import { Instance, keyOfTimer, type Runs } from "./instance.ts";
import type { InstanceReports } from "./instance-reports.ts";

/** Instances of one node that may be wanted at a time: as many as fit into one event's inventory. */
export const INSTANCES_MAX = 512;
/** Stopped ones whose generation is remembered; the longest unheard-of are forgotten first. */
const STOPPED_MAX = 1_024;

export interface InstancesOptions {
  readonly runs: Runs;
  readonly stopGraceMs: number;
  readonly right: ExclusiveRight;
  readonly reports: InstanceReports;
  /** The node's own services. */
  readonly own: readonly InstanceSpec[];
}

/** All that the agent runs: instances by the coordinator's command, and the node's own services. */
export class Instances {
  readonly #options: InstancesOptions;
  readonly #instances = new Map<string, Instance>();
  readonly #own = new Map<string, Instance>();
  #isClosing = false;
  #hasChanged = false;

  constructor(options: InstancesOptions) {
    this.#options = options;
  }

  get(key: string): Instance | undefined {
    return this.#instances.get(key);
  }

  get isFull(): boolean {
    return this.records.filter(({ wanted }) => wanted).length >= INSTANCES_MAX;
  }

  /** What there is, or shall be: not the stopped ones. */
  get inventory(): readonly InstanceState[] {
    return this.states.filter(({ state }) => state !== "stopped");
  }
  get states(): readonly InstanceState[] {
    return [...this.#instances.values()].map(({ state }) => state);
  }
  get ownStates(): readonly InstanceState[] {
    return [...this.#own.values()].map(({ state }) => state);
  }
  get records(): readonly InstanceRecord[] {
    return [...this.#instances.values()].map(({ record }) => record);
  }
  get processes(): readonly KnownProcess[] {
    return this.#all().flatMap((each) => (each.process === undefined ? [] : [each.process]));
  }

  get isAnyAlive(): boolean {
    return this.#all().some(({ isAlive }) => isAlive);
  }
  /** True while processes of exclusive instances are there, wanted or not. */
  isAnyExclusiveAlive(which: "any" | "unwanted"): boolean {
    const isIt = ({ spec, isAlive, wanted }: Instance): boolean =>
      spec.exclusive && isAlive && (which === "any" || !wanted);
    return [...this.#instances.values()].some(isIt);
  }

  /** True once after what is stored has changed. */
  takeChanged(): boolean {
    const hasChanged = this.#hasChanged;
    this.#hasChanged = false;
    return hasChanged;
  }

  /** Goes on with what was stored. Survivors that belong to none of these are ended. */
  begin(records: readonly InstanceRecord[], survivors: readonly Survivor[], nowMs: number, out: Outputs): void {
    const left = new Map(survivors.map((survivor) => [survivor.key, survivor]));
    const resume = (instance: Instance): void => {
      instance.resume(left.get(instance.key), this.#startGrant, nowMs, out);
      left.delete(instance.key);
      this.#touch(instance, out);
    };
    for (const spec of this.#options.own) this.#own.set(spec.instance, this.#create(spec, true));
    for (const record of records) {
      const instance = this.#create(record.spec, false, record);
      this.#instances.set(instance.key, instance);
    }
    this.#all().forEach(resume);
    for (const survivor of left.values()) {
      const { key, pid } = survivor;
      out.push({ kind: "note", level: "warn", text: `ending ${key}, which nobody wants`, facts: { pid } });
      const run = this.#options.runs.next();
      out.push({ kind: "adopt", run, survivor }, { kind: "end", key, run, graceMs: 0 });
    }
  }

  /** Starts a new generation. */
  start(spec: InstanceSpec, out: Outputs): void {
    const present = this.#instances.get(spec.instance);
    const instance = present ?? this.#create(spec, false);
    this.#instances.set(instance.key, instance);
    instance.start(spec, this.#startGrant, out);
    this.#touch(instance, out);
  }

  /** False when nothing of it ran. */
  stop(instance: Instance, generation: number, out: Outputs): boolean {
    // Newest last, for forgetting.
    this.#instances.delete(instance.key);
    this.#instances.set(instance.key, instance);
    const ran = instance.stop(generation, out);
    this.#touch(instance, out);
    return ran;
  }

  /** Remembers a stop of something that was never here, for its generation. */
  rememberStopped(instance: string, generation: number, out: Outputs): void {
    const spec: InstanceSpec = {
      instance,
      service: "",
      generation,
      command: [],
      env: {},
      exclusive: false,
      restartsMax: 0,
      restartWindowMs: 0,
      cwd: "",
    };
    const record = { spec, wanted: false, failed: false, restarts: 0, reason: "", port: 0 };
    const unknown = this.#create(spec, false, record);
    this.#instances.set(instance, unknown);
    this.#touch(unknown, out);
  }

  /** Stops all that is wanted and not in `listed`. */
  stopOthers(listed: ReadonlySet<string>, out: Outputs): void {
    for (const instance of [...this.#instances.values()])
      if (instance.wanted && !listed.has(instance.key)) this.stop(instance, instance.spec.generation, out);
  }

  onGrant(out: Outputs): void {
    const { right } = this.#options;
    for (const instance of this.#instances.values()) {
      if (!instance.spec.exclusive) continue;
      instance.onGrant(right.grant, right.isHeld, out);
      this.#touch(instance, out);
    }
  }

  /** True when the notice or timer was of one of these. */
  onNotice(notice: DriverNotice, nowMs: number, out: Outputs): boolean {
    const instance = this.#find(notice.key);
    instance?.onNotice(notice, this.#isClosing, this.#startGrant, nowMs, out);
    if (instance !== undefined) this.#touch(instance, out);
    return instance !== undefined;
  }

  onTimer(name: string, out: Outputs): void {
    const key = keyOfTimer(name);
    const instance = key === undefined ? undefined : this.#find(key);
    instance?.onTimer(this.#startGrant, out);
    if (instance !== undefined) this.#touch(instance, out);
  }

  shutdown(out: Outputs): void {
    this.#isClosing = true;
    for (const instance of this.#all()) instance.shutdown(out);
  }

  /** With which an exclusive instance may start now. */
  get #startGrant() {
    const { right } = this.#options;
    return right.isHeld ? right.grant : undefined;
  }

  #all(): readonly Instance[] {
    return [...this.#own.values(), ...this.#instances.values()];
  }

  #find(key: string): Instance | undefined {
    return this.#own.get(key) ?? this.#instances.get(key);
  }

  #create(spec: InstanceSpec, isOwn: boolean, record?: InstanceRecord): Instance {
    const { runs, stopGraceMs } = this.#options;
    return new Instance(spec, { isOwn, runs, stopGraceMs }, record);
  }

  #touch(instance: Instance, out: Outputs): void {
    this.#hasChanged = true;
    // Ended with the agent, it is as wanted as before. What comes or goes is told of when it has come or gone.
    const isComing = instance.isAlive && instance.process === undefined;
    const isGoing = instance.isAlive && !instance.wanted;
    const isTold = !this.#isClosing && this.#instances.has(instance.key) && !isComing && !isGoing;
    if (isTold) this.#options.reports.offer(instance.state, out);
    this.#forgetStopped();
  }

  #forgetStopped(): void {
    let surplus = 0;
    const isStopped = ({ wanted, isAlive }: Instance): boolean => !wanted && !isAlive;
    for (const instance of this.#instances.values()) if (isStopped(instance)) surplus++;
    for (const [key, instance] of this.#instances) {
      if (surplus <= STOPPED_MAX) return;
      if (!isStopped(instance)) continue;
      this.#instances.delete(key);
      this.#options.reports.forget(key);
      surplus--;
    }
  }
}
