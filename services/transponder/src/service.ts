import { EqTracker } from "@halon/eq-tracker";
import { type Batch, type Post, type Posted, subjectsOf } from "@halon/proto";
import { type Cancel, type Clock, Driver, type Random } from "@halon/runtime";
import { DownlinkCore, type DownlinkInput, type DownlinkOutput } from "./core/downlink-core.ts";
import { Uplink } from "./uplink.ts";

export interface TransponderConfig {
  /** The node that it runs on: its name as a transponder. */
  readonly node: string;
}

export interface TransponderPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly post: Post;
}

export interface Transponder {
  readonly status: () => { readonly healthy: boolean; readonly [detail: string]: unknown };
  stop(): void;
}

export const ANNOUNCE_MS = 1_000;
/** Time that a node has to answer one sending of a command. */
export const COMMAND_TIMEOUT_MS = 400;
/** All transponders share what comes in at the common subjects. */
const QUEUE = "transponders";

/** One transponder. A function of its ports: the process and the simulator run the same. */
export function createTransponder({ node }: TransponderConfig, ports: TransponderPorts): Transponder {
  const { clock, random, post } = ports;
  const subjects = subjectsOf(post.cluster);
  const tracker = new EqTracker(ports);
  const uplink = new Uplink(node, { clock, random, post, tracker });
  const downlink = createDownlink(ports);
  const subscriptions = [
    post.subscribe(subjects.report, "report", (posted) => uplink.take(posted), QUEUE),
    post.subscribe(subjects.transponderReport(node), "report", (posted) => uplink.take(posted)),
    post.subscribe(subjects.batch, "batch", (posted) => downlink.take(posted), QUEUE),
  ];
  const stopAnnouncing = announceEvery(ports, node);
  return {
    status: () => ({
      healthy: true,
      tracker: tracker.status,
      up: uplink.status,
      down: downlink.status(),
      edge: { ...post.counters },
    }),
    stop: () => {
      stopAnnouncing();
      for (const subscription of subscriptions) subscription.unsubscribe();
      downlink.stop();
      uplink.stop();
      tracker.stop();
    },
  };
}

/** The way down, bound to the nodes' subjects; see {@link DownlinkCore}. */
function createDownlink({ clock, random, post }: TransponderPorts) {
  const subjects = subjectsOf(post.cluster);
  const core = new DownlinkCore();
  const respond = new Map<number, NonNullable<Posted<"batch">["respond"]>>();
  let token = 0;
  const perform = (output: DownlinkOutput): void => {
    if (output.kind === "answer") {
      respond.get(output.token)?.({ kind: "batchReply", value: { id: output.id, replies: output.replies } });
      respond.delete(output.token);
      return;
    }
    const { send, command } = output;
    const body = { kind: "command", value: command } as const;
    post.request(subjects.command(command.node), body, "commandReply", COMMAND_TIMEOUT_MS, (outcome) =>
      driver.complete({ kind: "replied", send, reply: outcome.kind === "reply" ? outcome.value : undefined }),
    );
  };
  const driver: Driver<DownlinkInput, DownlinkOutput> = new Driver({ core, clock, random, perform });
  return {
    take: ({ value: { id, commands }, respond: reply }: Posted<"batch"> & { readonly value: Batch }): void => {
      const asked = ++token;
      if (!driver.submit({ kind: "batch", token: asked, id, commands })) return;
      if (reply !== undefined) respond.set(asked, reply);
    },
    status: () => ({ ...core.status, refused: driver.refused }),
    stop: () => {
      driver.stop();
      respond.clear();
    },
  };
}

/** Tells the stations once a second that this transponder is there. */
function announceEvery({ clock, post }: TransponderPorts, node: string): Cancel {
  const subject = subjectsOf(post.cluster).announce("transponder");
  let cancel: Cancel = () => undefined;
  const announce = (): void => {
    post.publish(subject, { kind: "announce", value: { role: "transponder", node, members: [], leader: "" } });
    cancel = clock.at(clock.nowMs() + ANNOUNCE_MS, announce);
  };
  announce();
  return () => cancel();
}
