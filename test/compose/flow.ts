import { Beside } from "./beside.ts";
import type { Project } from "./project.ts";
import type { FlowReport } from "./view.ts";
import { until } from "./waiting.ts";

const PER_SECOND = 25;
const START_MS = 20_000;
const FINISH_MS = 90_000;

/** Events that flow through the transponders until told otherwise. */
export class Flow {
  readonly #beside: Beside;
  readonly #lines: string[] = [];

  constructor(project: Project, cluster: string, station: string) {
    const args = [cluster, "nats://nats:4222", station, `${PER_SECOND}`];
    this.#beside = new Beside(project, "flow", args, (line) => this.#lines.push(line));
  }

  async untilFlowing(): Promise<void> {
    await until("a flow of events", START_MS, () =>
      this.#lines.length > 0 ? undefined : (this.#beside.lastWords ?? "it has not started"),
    );
  }

  /** Ends the flow. Rejects when an event was lost; returns a sentence about it. */
  async end(): Promise<string> {
    await this.#beside.finish(FINISH_MS);
    const line = this.#lines.at(-1) ?? "";
    if (!line.startsWith("{")) throw new Error(`the flow ended without a report, and said: ${this.#beside.lastWords}`);
    const { sent, acknowledged, stored, unconsumed, repeated, slowestMs } = JSON.parse(line) as FlowReport;
    const facts = `${sent} events, ${acknowledged} acknowledged, ${stored} stored, ${repeated} sent again, slowest ${slowestMs} ms`;
    if (sent === 0 || acknowledged !== sent || stored !== sent || unconsumed !== 0)
      throw new Error(`events were lost: ${facts}, ${unconsumed} left in the queue`);
    return facts;
  }

  remove(): Promise<void> {
    return this.#beside.remove();
  }
}
