import { nearest } from "./nearest.ts";
import type { OwnService } from "./node-plan.ts";
import type { ClusterView } from "./view.ts";

/** What a verb is done to. */
export type Target =
  /** A node with all that runs on it. */
  | { readonly kind: "node"; readonly node: string }
  /** One of Halon's own processes; `agent` and `coordinator` too. */
  | { readonly kind: "service"; readonly node: string; readonly service: string }
  | { readonly kind: "instance"; readonly id: string; readonly node: string }
  | { readonly kind: "nats" };

export type TargetOutcome =
  | { readonly kind: "target"; readonly target: Target }
  /** Why there is no such target, and which there are. */
  | { readonly kind: "mistake"; readonly message: string };

const found = (target: Target): TargetOutcome => ({ kind: "target", target });
const mistake = (message: string): TargetOutcome => ({ kind: "mistake", message });

/** Short names: `monitor-1` is the monitor on the first node that has one, satellites before stations. */
const NUMBERED: readonly OwnService[] = ["monitor", "transponder"];

function numbered(view: ClusterView): ReadonlyMap<string, Target> {
  const targets = new Map<string, Target>();
  const ranked = [...view.nodes].sort((a, b) => Number(a.kind === "station") - Number(b.kind === "station"));
  for (const service of NUMBERED) {
    const nodes = ranked.filter(({ services }) => services.some(({ key }) => key === service));
    for (const [at, { name: node }] of nodes.entries())
      targets.set(`${service}-${at + 1}`, { kind: "service", node, service });
  }
  return targets;
}

/** All names that a verb takes, the usual ones first. */
export function knownTargets(view: ClusterView): readonly string[] {
  return [
    ...view.instances.map(({ id }) => id),
    ...view.nodes.map(({ name }) => name),
    ...["leader", "coordinator", "nats"],
    ...numbered(view).keys(),
    ...view.nodes.flatMap(({ name, services }) => services.map(({ key }) => `${name}.${key}`)),
  ];
}

/**
 * What `name` stands for right now. `isPausedMeant`: of a role, the process that was paused is meant, which somebody else
 * has most likely taken over from since.
 */
export function resolveTarget(name: string, view: ClusterView, isPausedMeant = false): TargetOutcome {
  if (name === "nats") return found({ kind: "nats" });
  const pausedWith = (key: string): string | undefined =>
    isPausedMeant
      ? view.nodes.find(({ services }) => services.some((each) => each.key === key && each.isPaused))?.name
      : undefined;
  if (name === "leader")
    return role(pausedWith("station-replica") ?? view.leader, "station-replica", "the stations have no leader");
  if (name === "coordinator")
    return role(pausedWith("coordinator") ?? view.coordinator, "coordinator", "no coordinator is in office");
  const short = numbered(view).get(name);
  if (short !== undefined) return found(short);
  if (view.nodes.some((node) => node.name === name)) return found({ kind: "node", node: name });
  const instance = view.instances.find(({ id }) => id === name);
  if (instance?.node !== undefined) return found({ kind: "instance", id: name, node: instance.node });
  if (instance !== undefined)
    return mistake(`${name} runs nowhere right now${instance.reason && `: ${instance.reason}`}`);
  const [node = "", service = ""] = name.split(".");
  const has = view.nodes.find((each) => each.name === node)?.services.some(({ key }) => key === service);
  return has === true ? found({ kind: "service", node, service }) : mistake(unknownText(name, view));
}

const role = (node: string | undefined, service: string, none: string): TargetOutcome =>
  node === undefined ? mistake(`${none} right now: try again in a moment`) : found({ kind: "service", node, service });

function unknownText(name: string, view: ClusterView): string {
  const known = knownTargets(view);
  const near = nearest(name, known);
  const example = view.nodes[0];
  const dotted = example === undefined ? "" : `, or NODE.SERVICE such as ${example.name}.${example.services[0]?.key}`;
  const listed = known.filter((each) => !each.includes("."));
  return `unknown target "${name}"${near === undefined ? "" : `: did you mean "${near}"?`}\nKnown: ${listed.join(", ")}${dotted}`;
}

/** The target as it is called in messages. */
export function targetText(target: Target): string {
  switch (target.kind) {
    case "node":
      return target.node;
    case "service":
      return `${target.node}.${target.service}`;
    case "instance":
      return `${target.id} on ${target.node}`;
    case "nats":
      return "nats";
    default:
      return target satisfies never;
  }
}
