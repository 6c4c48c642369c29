import { type MemberId, memberName } from "@halon/consensus";
import { encodeReconfigure, type Reconfigure } from "@halon/replicated-log";
import type { LogMemberNotice, LogMemberOptions } from "@halon/replicator";
import { CLOCK_DRIFT_MAX, type DamageTarget, type SimulatedProcess, type World } from "@halon/simulation";
import { GroupWatch } from "./group-watch.ts";
import { addInvariants, logInvariants } from "./invariants/all.ts";
import { Ledger } from "./invariants/ledger.ts";
import type { MemberState } from "./invariants/same-state.ts";
import { ListHistory } from "./list-history.ts";
import { keepCalling, LogProcessClient } from "./log-client.ts";
import { journalName, LogStation, type Substitutes } from "./log-station.ts";

/** Small, so that journals are trimmed and sessions forgotten in each run. */
export const LIMITS = {
  snapshotBytes: 12 * 1024,
  digestEvery: 16,
  sessions: { sessionMs: 10_000, sessionsMax: 16 },
} as const;

export interface LogGroupOptions {
  /** Stations that found the group. */
  readonly founders: number;
  /** Stations there are in all; those that found nothing may join later. */
  readonly stations: number;
  readonly clients: number;
  readonly substitutes?: Substitutes;
  /** The clients call by themselves. */
  readonly busy?: boolean;
  /** Mean time between two calls of one client. */
  readonly callEveryMs?: number;
  readonly limits?: Pick<LogMemberOptions, "snapshotBytes" | "digestEvery" | "sessions">;
  /** A station whose journal is damaged goes on, empty, under its old id: a mistake. */
  readonly forgetsDamage?: boolean;
  /** Invariants are not looked at: for tests that break one on purpose. */
  readonly unwatched?: boolean;
}

const KEYS = ["k1", "k2", "k3", "k4"];
/** What starts the stations does so again when one has exited. */
const RESTART_MS = 300;
const HOST_EVERY_MS = 250;

type Station = SimulatedProcess<LogStation>;

/**
 * A replicated log: stations that hold its members, clients that call them, and whoever looks after the group: gives
 * stations with damaged storage a new incarnation, and has the leader bring those into the group that are wanted there.
 */
export class LogGroup {
  readonly world: World;
  /** Names of all stations. */
  readonly names: readonly string[];
  readonly founders: readonly MemberId[];
  readonly clients: readonly SimulatedProcess<LogProcessClient>[];
  readonly history = new ListHistory();
  readonly ledger = new Ledger();
  readonly notices: { readonly name: string; readonly notice: LogMemberNotice }[] = [];
  isCalling: boolean;
  /** Somebody sees to it that those vote who are wanted. */
  isLookedAfter = true;
  /** Names of those who are to vote. */
  wanted: ReadonlySet<string>;
  readonly #options: LogGroupOptions;
  readonly #watch: GroupWatch;
  readonly #stations = new Map<string, Station>();
  readonly #incarnations = new Map<string, number>();
  /** Journals that were opened at some time. */
  readonly #opened = new Set<string>();
  /** Whose journal is damaged, and who does not know it yet. */
  readonly #doomed = new Set<string>();

  constructor(world: World, options: LogGroupOptions) {
    const { founders, stations, clients, busy = true, callEveryMs = 200, limits = LIMITS } = options;
    this.world = world;
    this.#options = options;
    this.isCalling = busy;
    this.names = namesOf("station", stations);
    this.wanted = new Set(this.names.slice(0, founders));
    this.founders = [...this.wanted].map((name) => `${name}.1`);
    const chance = world.chance.fork("clocks");
    for (const name of this.names)
      world.machine(name, { clockRate: chance.between(1 - CLOCK_DRIFT_MAX, 1 + CLOCK_DRIFT_MAX) });
    const invariants = logInvariants({
      ledger: this.ledger,
      history: this.history,
      snapshotBytes: limits.snapshotBytes ?? LIMITS.snapshotBytes,
      states: () => this.states,
    });
    if (!options.unwatched) addInvariants(world, invariants);
    this.#watch = new GroupWatch(this.ledger, options.unwatched ? [] : invariants.watched);
    for (const name of this.wanted) this.station(name);
    this.clients = namesOf("client", clients).map((name) =>
      world.spawn(name, "app", (ports) => {
        const client = new LogProcessClient(this.names, this.history, ports);
        keepCalling(client, { keys: KEYS, everyMs: callEveryMs }, ports, () => this.isCalling);
        return client;
      }),
    );
    this.#lookAfter();
  }

  /** Those that were needed so far. */
  get stations(): readonly Station[] {
    return [...this.#stations.values()];
  }

  /** The station of that name, which is started the first time. */
  station(name: string): Station {
    const known = this.#stations.get(name);
    if (known !== undefined) return known;
    const { substitutes = {}, limits = LIMITS, forgetsDamage = false } = this.#options;
    this.#incarnations.set(name, 1);
    const process = this.world.spawn(
      name,
      "replica",
      (ports) =>
        new LogStation(
          {
            name,
            founders: this.founders.includes(`${name}.1`) ? this.founders : undefined,
            watch: this.#watch,
            substitutes,
            limits,
            incarnation: () => this.#incarnation(name),
            isMissing: () => this.#isMissing(name),
            onDamaged: () => {
              if (forgetsDamage) this.world.machine(name).wipe();
              else this.#incarnations.set(name, this.#incarnation(name) + 1);
              this.#doomed.delete(name);
            },
            onNotice: (notice) => this.notices.push({ name, notice }),
          },
          ports,
        ),
    );
    process.supervise(RESTART_MS);
    this.#stations.set(name, process);
    return process;
  }

  /** Id of the present incarnation of a station. */
  idOf(name: string): MemberId {
    return `${name}.${this.#incarnation(name)}`;
  }

  /** The station that leads, of several the one that has applied most. */
  get leader(): Station | undefined {
    return this.stations
      .filter(({ instance }) => instance?.member.status.role === "leader")
      .sort((a, b) => appliedBy(b) - appliedBy(a))[0];
  }

  /** The latest that was delivered anywhere. */
  get membership(): readonly MemberId[] {
    return this.ledger.membershipAt(Number.POSITIVE_INFINITY)?.members ?? this.founders;
  }

  /** Those vote who are wanted, all are up, one leads, and all have applied all that was decided. */
  get isEven(): boolean {
    const ids = [...this.wanted].map((name) => this.idOf(name)).sort();
    if (this.membership.join() !== ids.join()) return false;
    const voting = [...this.wanted].map((name) => this.station(name));
    return this.leader !== undefined && voting.every((each) => appliedBy(each) >= this.ledger.highest);
  }

  get waiting(): number {
    return this.clients.reduce((sum, { instance }) => sum + (instance?.waiting ?? 0), 0);
  }

  /** All members have their storage. */
  get isIntact(): boolean {
    return this.#doomed.size === 0 && this.membership.every((id) => this.idOf(memberName(id)) === id);
  }

  /** Whom the group can do without: nobody while somebody is lost, who votes changes, or not all know who does. */
  get damageable(): readonly DamageTarget[] {
    const { membership } = this;
    const legislature = this.ledger.membershipAt(Number.POSITIVE_INFINITY)?.legislature;
    const voting = membership.map((id) => this.#stations.get(memberName(id)));
    const isWhole =
      membership.length >= 3 &&
      this.isIntact &&
      this.#nextChange() === undefined &&
      voting.every((each) => each?.instance?.member.status.membership?.legislature === legislature);
    if (!isWhole) return [];
    return voting.flatMap((process) => {
      if (process === undefined) return [];
      const { name } = process.machine;
      return [{ process, journal: journalName(this.#incarnation(name)), onStruck: () => this.#doomed.add(name) }];
    });
  }

  /** Asks whoever leads, once; `done` is told what kind of outcome came of it. */
  reconfigure(request: Reconfigure, done: (outcome: string) => void = () => undefined): void {
    const { leader } = this;
    if (leader?.instance === undefined || leader.state !== "running") return done("nobody leads");
    const payload = encodeReconfigure(request);
    leader.instance.member.submitCommands(
      [{ kind: "reconfigure", session: 0, seq: 0, lowest: 0, payload }],
      ([outcome]) => done(outcome?.kind === "refused" ? outcome.code : (outcome?.kind ?? "unknown")),
    );
  }

  /** One line per station. */
  describe(): string {
    const lines = this.stations.map(({ id, instance, state }) => {
      if (instance === undefined) return `${id} ${state}`;
      const { role, ballot, chosen, knownChosen, applied, phase, membership } = instance.member.status;
      const voting = membership?.members.join(" ") ?? "nobody";
      return `${instance.self} ${phase} ${role} in ${ballot} of ${voting}, chosen ${chosen} of ${knownChosen}, applied ${applied}`;
    });
    const ids = [...this.wanted].map((name) => this.idOf(name));
    return [...lines, `decided ${this.ledger.highest}, calls waiting ${this.waiting}, wanted ${ids.join(" ")}`].join(
      "; ",
    );
  }

  /** Of all stations with a state. */
  get states(): readonly MemberState[] {
    return this.stations.flatMap(({ instance }) => {
      const applied = instance?.member.status.applied ?? 0;
      if (instance === undefined || applied === 0) return [];
      const entries = instance.store.range({ from: "", to: "\x7f" });
      const text = entries.map(([key, value]) => `${key}=${Buffer.from(value).toString("base64")}`).join("\n");
      return [{ member: instance.self, applied, text }];
    });
  }

  /** As a directory would tell that keeps a note of what belongs in it. */
  #isMissing(name: string): boolean {
    const journal = journalName(this.#incarnation(name));
    const isNew = !this.#opened.has(`${name}/${journal}`);
    this.#opened.add(`${name}/${journal}`);
    return !isNew && !this.world.machine(name).journalDisk(journal).used;
  }

  #incarnation(name: string): number {
    return this.#incarnations.get(name) ?? 1;
  }

  #lookAfter(): void {
    const { clock } = this.world;
    clock.at(clock.nowMs() + HOST_EVERY_MS, () => {
      const request = this.isLookedAfter ? this.#nextChange() : undefined;
      if (request !== undefined) this.reconfigure(request);
      this.#lookAfter();
    });
  }

  /** What brings the group nearer to who is wanted in it. */
  #nextChange(): Reconfigure | undefined {
    const { membership } = this;
    for (const name of this.wanted) {
      const add = this.idOf(name);
      if (membership.includes(add)) continue;
      this.station(name);
      const old = membership.find((id) => memberName(id) === name);
      const unwanted = membership.find((id) => !this.wanted.has(memberName(id)));
      const remove = old ?? (membership.length > this.wanted.size - 1 ? unwanted : undefined);
      return remove === undefined ? { add } : { add, remove };
    }
    const remove = membership.find((id) => !this.wanted.has(memberName(id)));
    return remove === undefined ? undefined : { remove };
  }
}

const namesOf = (kind: string, count: number): string[] =>
  Array.from({ length: count }, (_, at) => `${kind}-${at + 1}`);

const appliedBy = ({ instance }: Station): number => instance?.member.status.applied ?? -1;
