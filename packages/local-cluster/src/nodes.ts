import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { agentConfig, type ClusterFacts, serviceCommand } from "./agent-config.ts";
import { KeptProcess } from "./kept-process.ts";
import type { PlannedNode } from "./node-plan.ts";
import { MARK, MARK_NODE } from "./process-table.ts";

/** Variables of this process that are none of an agent's business. */
const isForeign = (name: string): boolean => /^(HALON_|npm_|VITEST)/.test(name) || name === "NODE_OPTIONS";

/** One agent per node, kept running as an init system would. */
export class Nodes {
  readonly plan: readonly PlannedNode[];
  readonly #agents: ReadonlyMap<string, KeptProcess>;

  /** Writes the agents' configuration; starts nothing. `onChange`: an agent has started, or ended and why. */
  constructor(
    plan: readonly PlannedNode[],
    facts: ClusterFacts,
    onChange: (node: string, ended: string | undefined) => void,
  ) {
    this.plan = plan;
    this.#agents = new Map(
      plan.map((planned) => {
        const { name } = planned;
        const file = facts.dir.config(name);
        mkdirSync(dirname(file), { recursive: true });
        mkdirSync(facts.dir.node(name), { recursive: true });
        writeFileSync(file, `${JSON.stringify(agentConfig(planned, facts), undefined, 2)}\n`);
        const kept = new KeptProcess({
          name,
          command: [...serviceCommand(facts, "node-agent"), "--config", file],
          cwd: facts.root,
          env: environmentOf(name, facts),
          logFile: facts.dir.log(name, "node-agent"),
          onChange: (ended) => onChange(name, ended),
        });
        return [name, kept];
      }),
    );
  }

  /** Nodes that were switched off. */
  get off(): ReadonlySet<string> {
    return new Set([...this.#agents].flatMap(([name, kept]) => (kept.isOff ? [name] : [])));
  }

  switchOn(node: string): void {
    this.#agents.get(node)?.switchOn();
  }

  /** Its agent is not started again once it has ended. */
  switchOff(node: string): void {
    this.#agents.get(node)?.switchOff();
  }
}

/** The programs that the node runs inherit all of this. */
function environmentOf(node: string, { dir }: ClusterFacts): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env))
    if (value !== undefined && !isForeign(name)) env[name] = value;
  return { ...env, [MARK]: dir.path, [MARK_NODE]: node, TICKER_FILE: dir.ticks };
}
