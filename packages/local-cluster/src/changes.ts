import type { ClusterView, InstanceView, NodeView } from "./view.ts";

/** What a person would like to read of the step from one view to the next, one line each. `before` is absent at first. */
export function changesBetween(before: ClusterView | undefined, after: ClusterView): readonly string[] {
  const lines: string[] = [];
  const tell = (isNew: boolean, line: string): void => {
    if (isNew) lines.push(line);
  };
  tell(
    before?.nats.isConnected !== after.nats.isConnected,
    after.nats.isConnected ? `connected to nats at ${after.nats.url}` : "nats does not answer",
  );
  tell(
    before?.leader !== after.leader,
    after.leader === undefined ? "the stations have no leader" : `${after.leader} leads the stations`,
  );
  tell(
    before?.coordinator !== after.coordinator ||
      (after.coordinator !== undefined && before?.lease?.epoch !== after.lease?.epoch),
    after.coordinator === undefined
      ? "no coordinator is in office"
      : `the coordinator of epoch ${after.lease?.epoch} is in office on ${after.coordinator}`,
  );
  for (const node of after.nodes) {
    const was = before?.nodes.find(({ name }) => name === node.name);
    lines.push(...nodeChanges(was, node));
  }
  for (const instance of after.instances) {
    const was = before?.instances.find(({ id }) => id === instance.id);
    const line = instanceChange(was, instance);
    if (line !== undefined) lines.push(line);
  }
  for (const { id } of before?.instances ?? [])
    if (!after.instances.some((each) => each.id === id)) lines.push(`${id} is gone`);
  return lines;
}

const stateOf = (node: NodeView | undefined): string => (node?.isOff === true ? "off" : (node?.state ?? "new"));

function nodeChanges(was: NodeView | undefined, node: NodeView): readonly string[] {
  const lines: string[] = [];
  if (stateOf(was) !== stateOf(node)) lines.push(`${node.name} is ${stateOf(node)}`);
  for (const { key, pid, isPaused } of node.services) {
    const before = was?.services.find((each) => each.key === key);
    if (before === undefined || key === "coordinator" || node.isOff) continue;
    if (before.pid !== 0 && pid === 0) lines.push(`${node.name}.${key} is gone`);
    else if (before.pid !== pid && was !== undefined) lines.push(`${node.name}.${key} runs (pid ${pid})`);
    else if (before.isPaused !== isPaused) lines.push(`${node.name}.${key} is ${isPaused ? "paused" : "resumed"}`);
  }
  return lines;
}

function instanceChange(was: InstanceView | undefined, is: InstanceView): string | undefined {
  const url = `http://127.0.0.1:${is.port}/`;
  const isMoved = was?.node !== is.node || was?.answerPid !== is.answerPid;
  if (is.answers && (!was?.answers || isMoved)) return `${is.id} answers on ${is.node}: ${url}`;
  if (was?.answers === true && !is.answers) return `${is.id} does not answer any more`;
  return was?.node === is.node || is.node !== undefined ? undefined : `${is.id} waits for a place: ${is.reason}`;
}
