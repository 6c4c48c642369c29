import { fileURLToPath } from "node:url";
import type { LogReplicator } from "@halon/replicator";
import { NatsServer } from "../acceptance/nats-server.ts";
import { type ClientConfig, connectClient, type LogGroupClient } from "../log-group/connect-client.ts";
import { Scratch, until } from "../log-group/scratch.ts";
import { Station } from "../log-group/station.ts";
import type { StationState, StationStatus } from "../log-group/station-messages.ts";
import type { ListStationConfig } from "./list-station.ts";
import { ProxyLink } from "./proxy-link.ts";

const CLUSTER = "chaos";
const NAMES = ["s1", "s2", "s3"] as const;
/** As built: plain Node runs it. */
const PROGRAM = fileURLToPath(new URL("../dist/chaos/list-station.js", import.meta.url));
/** Against hanging: what takes longer has not come back. */
const UNTIL_MS = 30_000;
const STATUS_MS_MAX = 5_000;

/** A station, with the link between it and the bus. */
export interface Member {
  readonly station: Station;
  readonly link: ProxyLink;
}

/** Three stations as processes, a real bus between them, and clients in this process. */
export class ChaosGroup {
  readonly members: readonly Member[];
  readonly nats: NatsServer;
  readonly #scratch: Scratch;
  readonly #clients: LogGroupClient[] = [];

  private constructor(scratch: Scratch, nats: NatsServer, members: readonly Member[]) {
    this.#scratch = scratch;
    this.nats = nats;
    this.members = members;
  }

  static async found({ isCareless = false } = {}): Promise<ChaosGroup> {
    const scratch = new Scratch();
    const nats = await NatsServer.start();
    const members = await Promise.all(
      NAMES.map(async (self): Promise<Member> => {
        const link = await ProxyLink.open(nats.port);
        const own = { cluster: CLUSTER, self, members: NAMES, natsUrl: link.url, dir: scratch.dir(self), isCareless };
        return { station: new Station(scratch, [PROGRAM], own satisfies ListStationConfig), link };
      }),
    );
    const group = new ChaosGroup(scratch, nats, members);
    try {
      await Promise.all(members.map(({ station }) => station.start()));
    } catch (error) {
      await group.stop();
      throw error;
    }
    return group;
  }

  /** A client on the bus, which is told of new leaders and asks them. */
  client(): Promise<LogReplicator> {
    return this.#connect({ members: NAMES }, (request) => request);
  }

  /**
   * A client on a station's machine: it asks that one without a network between them, and others only when sent to them
   * by it, over the same link.
   */
  clientBeside({ station, link }: Member): Promise<LogReplicator> {
    return this.#connect(
      { members: [station.name], hearsLeaders: false },
      (request) => (to, bytes, timeoutMs, answer) => {
        if (to === station.name) station.submit(bytes, timeoutMs).then(answer, () => answer(undefined));
        else if (link.ways.up && link.ways.down) request(to, bytes, timeoutMs, answer);
        else setTimeout(() => answer(undefined), timeoutMs);
      },
    );
  }

  /** Waits for `condition`; at the deadline it throws, and tells how every member is. */
  async until<T>(what: string, condition: () => Promise<T | undefined> | T | undefined): Promise<T> {
    const children = this.members.flatMap(({ station }) => station.child ?? []);
    try {
      return await until(what, children, async () => condition(), UNTIL_MS);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${why}\n${await this.describe()}`, { cause });
    }
  }

  /** Who leads, in the eyes of all those that run and are `among` them. */
  leader(among: readonly Member[] = this.members): Promise<Member> {
    return this.until(`${among.map(({ station }) => station.name).join(" and ")} have one leader`, async () => {
      const views = await this.#views(among);
      const leader = views[0]?.status.leader;
      const found = views.find(({ member, status }) => member.station.name === leader && status.role === "leader");
      return found !== undefined && views.every(({ status }) => status.leader === leader) ? found.member : undefined;
    });
  }

  /** All see one leader, and have applied what had been applied anywhere when this was called. Returns the leader. */
  async whole(): Promise<Member> {
    let goal: number | undefined;
    await this.until("all serve, and have applied what was", async () => {
      const views = await this.#views(this.members);
      goal ??= Math.max(...views.map(({ status }) => status.applied));
      return views.every(({ status }) => status.phase === "serving" && status.applied >= Number(goal)) || undefined;
    });
    return this.leader();
  }

  /** For what needs time to go by: leases, above all. */
  async passed(ms: number): Promise<void> {
    const dueMs = performance.now() + ms;
    await this.until(`${ms} ms pass`, () => performance.now() >= dueMs || undefined);
  }

  /** Once nothing is being submitted: all have the same state. Returns each one's. */
  even(): Promise<readonly StationState[]> {
    return this.until("all have applied the same", async () => {
      const states = await Promise.all(this.members.map(({ station }) => station.state()));
      return new Set(states.map(({ applied }) => applied)).size === 1 ? states : undefined;
    });
  }

  /** How often, over all members, a state was found that was not what it should be. */
  async faults(): Promise<number> {
    return (await this.#views(this.members)).reduce((sum, { status }) => sum + status.faults, 0);
  }

  /** Ends what faults have left behind. */
  async heal(): Promise<void> {
    this.nats.resume();
    for (const { station, link } of this.members) {
      link.restore();
      if (station.isPaused) station.resume();
      if (station.child === undefined) await station.start();
    }
  }

  /** For people: a line for each member. */
  async describe(): Promise<string> {
    const lines = this.members.map(async ({ station, link }) => {
      const { up, down } = link.ways;
      const cut = `${up ? "" : " cannot be heard"}${down ? "" : " hears nothing"}${station.isPaused ? " paused" : ""}`;
      const status = await station.status({ msMax: STATUS_MS_MAX }).catch((error: Error) => error.message);
      return `${station.name}:${cut} ${typeof status === "string" ? status : JSON.stringify(status)}`;
    });
    return (await Promise.all(lines)).join("\n");
  }

  async stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    await this.#scratch.end();
    await Promise.all(this.members.map(({ link }) => link.close()));
    await this.nats.stop();
  }

  async #connect(
    config: Pick<ClientConfig, "members" | "hearsLeaders">,
    wrap: Parameters<typeof connectClient>[1],
  ): Promise<LogReplicator> {
    const name = `client-${this.#clients.length}.chaos`;
    const client = await connectClient({ cluster: CLUSTER, natsUrl: this.nats.url, name, ...config }, wrap);
    this.#clients.push(client);
    return client.replicator;
  }

  #views(among: readonly Member[]): Promise<readonly { readonly member: Member; readonly status: StationStatus }[]> {
    return Promise.all(
      among.map(async (member) => ({ member, status: await member.station.status({ msMax: STATUS_MS_MAX }) })),
    );
  }
}
