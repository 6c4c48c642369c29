import { setTimeout as wait } from "node:timers/promises";
import { type ControlReply, type ControlRequest, ControlServer } from "./control.ts";
import type { LocalCluster } from "./local-cluster.ts";
import { Recoveries } from "./recoveries.ts";
import { type Show, timeText } from "./show.ts";
import type { StateDir } from "./state-dir.ts";
import { renderTable } from "./table.ts";
import { resolveTarget, type Target } from "./targets.ts";
import { perform, VERBS } from "./verbs.ts";
import { type ClusterView, troubles } from "./view.ts";

const LOOK_MS = 500;
/** All that is to run should be there by then; if not, it is said what is missing, once. */
const READY_MS = 60_000;
/** Of `status`, which is no live table: nothing is cut. */
const STATUS_COLUMNS = 1_000;

/** One run of a cluster: looks, shows, and does what other terminals ask. */
export class Session {
  readonly #cluster: LocalCluster;
  readonly #show: Show;
  readonly #recoveries = new Recoveries();
  readonly #asked = new AbortController();
  readonly #startMs = performance.now();
  #view: ClusterView | undefined;
  #readiness: "awaited" | "late" | "ready" = "awaited";

  constructor(cluster: LocalCluster, show: Show) {
    [this.#cluster, this.#show] = [cluster, show];
  }

  /** Resolves when `signal` is aborted, or another terminal asks for the end; with why. */
  async run(signal: AbortSignal): Promise<string> {
    const control = await ControlServer.open(this.#cluster.dir.socket, (request) => this.#handle(request));
    const over = AbortSignal.any([signal, this.#asked.signal]);
    try {
      while (!over.aborted) {
        const startMs = performance.now();
        await this.#look();
        const restMs = Math.max(0, LOOK_MS - (performance.now() - startMs));
        await wait(restMs, undefined, { signal: over }).catch(() => undefined);
      }
    } finally {
      control.close();
    }
    return this.#asked.signal.aborted ? "asked by `stop`" : "told by a signal";
  }

  async #look(): Promise<void> {
    const view = await this.#cluster.look();
    const nowMs = performance.now();
    const seen = this.#recoveries.onView(view, nowMs);
    // Before all is there, what appears does not come back.
    const fresh = this.#readiness === "ready" ? seen : [];
    const { cluster } = this.#cluster.foundation;
    this.#show.look({ cluster, before: this.#view, view, recoveries: this.#recoveries.all, fresh });
    this.#view = view;
    this.#tellReady(view, nowMs - this.#startMs);
  }

  #tellReady(view: ClusterView, spanMs: number): void {
    if (this.#readiness === "ready") return;
    const wrong = troubles(view);
    if (wrong.length === 0) {
      this.#readiness = "ready";
      this.#recoveries.forget();
      this.#show.say(readyText(view));
    } else if (spanMs > READY_MS && this.#readiness === "awaited") {
      this.#readiness = "late";
      const { logs } = this.#cluster.dir;
      this.#show.say(`not complete after ${READY_MS / 1_000} s: ${wrong.join("; ")}. Look at ${logs}`);
    }
  }

  async #handle({ verb, target: name }: ControlRequest): Promise<ControlReply> {
    if (verb === "stop") {
      this.#asked.abort();
      return { isDone: true, text: "stopping" };
    }
    const view = this.#view ?? (await this.#cluster.look());
    const { foundation, dir } = this.#cluster;
    if (verb === "status") return { isDone: true, text: this.#statusText(view) };
    if (verb === "json") {
      const recoveries = this.#recoveries.all;
      const { cluster, clusterId } = foundation;
      return { isDone: true, text: JSON.stringify({ cluster, clusterId, logs: dir.logs, ...view, recoveries }) };
    }
    const resolved = resolveTarget(name, view, verb === "resume");
    if (resolved.kind === "mistake") return { isDone: false, text: resolved.message };
    if (verb === "logs") return { isDone: true, text: logOf(dir, resolved.target) };
    const known = VERBS.find((each) => each === verb);
    if (known === undefined) return { isDone: false, text: `this launcher knows no verb ${verb}: restart it` };
    this.#recoveries.onDeed(performance.now());
    const text = await perform(this.#cluster, known, resolved.target);
    this.#show.say(text);
    return { isDone: true, text };
  }

  #statusText(view: ClusterView): string {
    const { foundation, dir } = this.#cluster;
    const [recoveries, notices] = [this.#recoveries.all, [`logs: ${dir.logs}`]];
    const table = { cluster: foundation.cluster, view, recoveries, timeText, notices, columnsMax: STATUS_COLUMNS };
    return renderTable(table).join("\n");
  }
}

function logOf(dir: StateDir, target: Target): string {
  switch (target.kind) {
    case "node":
      return dir.log(target.node, "node-agent");
    case "service":
      return dir.log(target.node, target.service === "agent" ? "node-agent" : target.service);
    case "instance":
      return dir.log(target.node, target.id.replaceAll("/", "."));
    case "nats":
      return dir.log("nats", "server");
    default:
      return target satisfies never;
  }
}

/** What to open and what to try. */
function readyText(view: ClusterView): string {
  const shown = view.instances.find(({ service }) => service === "web") ?? view.instances[0];
  const node = view.instances.find(({ exclusive }) => exclusive)?.node ?? shown?.node;
  const tries = [`kill ${shown?.id}`, `kill ${node}`, `restart ${node}`, "kill coordinator", "kill leader", "status"];
  return (
    `ready: open http://127.0.0.1:${shown?.port}/ and, in another terminal, break something: ` +
    `npm start -- ${tries.join(" · ")}`
  );
}
