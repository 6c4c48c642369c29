import { Beside } from "./beside.ts";
import type { Project } from "./project.ts";
import type { ClusterView, Sighting } from "./view.ts";
import { until } from "./waiting.ts";

const EVERY_MS = 50;
const POLL_MS = 10;

/** Sees the cluster as it is, all the time. */
export class Watch {
  readonly #beside: Beside;
  #newest: Sighting = { kind: "blind", why: "it has not looked yet" };

  constructor(project: Project, stations: readonly string[]) {
    this.#beside = new Beside(project, "watch", [stations.join(","), `${EVERY_MS}`], (line) => {
      this.#newest = JSON.parse(line) as Sighting;
    });
  }

  /** What it saw last, if it saw anything. */
  get view(): ClusterView | undefined {
    return this.#newest.kind === "view" ? this.#newest.view : undefined;
  }

  /** Resolves with the first view in which nothing is missing. */
  async until(
    what: string,
    deadlineMs: number,
    missing: (view: ClusterView) => string | undefined,
  ): Promise<ClusterView> {
    await until(what, deadlineMs, () => this.#missing(missing), POLL_MS);
    const { view } = this;
    if (view === undefined) throw new Error("the view was lost");
    return view;
  }

  #missing(missing: (view: ClusterView) => string | undefined): string | undefined {
    const { lastWords } = this.#beside;
    if (lastWords !== undefined) throw new Error(`the watcher has ended, and said: ${lastWords}`);
    const seen = this.#newest;
    if (seen.kind === "blind") return seen.why;
    const lack = missing(seen.view);
    return lack === undefined ? undefined : `${lack}; seen last: ${JSON.stringify(seen.view)}`;
  }

  remove(): Promise<void> {
    return this.#beside.remove();
  }
}
