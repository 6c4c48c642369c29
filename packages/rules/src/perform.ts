import { decodeValue, encodeValue, GraphError, type Json, type VertexValue } from "@halon/resource-graph";
import { chance } from "./digest.ts";
import type { JournalEntry, Recorded } from "./entry.ts";
import type { Instance } from "./instance.ts";
import type { Limits } from "./limits.ts";
import { type CommandRequest, isWait, type Request, type WaitRequest } from "./operation.ts";
import { commandIdOf, type Leaf, leavesOf } from "./pending.ts";
import { requestDigest } from "./request-digest.ts";
import { RuleFault } from "./rules-error.ts";
import type { StepDraft } from "./step-draft.ts";

/** What the engine lends to a step. */
export interface StepPorts {
  readonly nowMs: number;
  /** Uniform in [0, 1). */
  readonly random: number;
  readonly vars: Readonly<Record<string, Json>>;
  readonly limits: Limits;
}

/**
 * Does what is asked for the first time, on the draft. A wait's entry is without result. Throws what the rule's functions
 * throw, and {@link RuleFault}.
 */
export function perform(
  request: Request,
  at: number,
  instance: Instance,
  draft: StepDraft,
  ports: StepPorts,
): JournalEntry {
  const place = String(at);
  const dueMs: number[] = [];
  let recorded: Recorded | undefined;
  if (isWait(request)) {
    const leaves = checkedLeaves(request, place, instance, ports.limits);
    for (const leaf of leaves) {
      if (leaf.request.kind === "after") dueMs.push(Math.ceil(ports.nowMs + Math.max(1, leaf.request.ms)));
      else if (leaf.request.kind === "tell") addCommand(leaf.request, leaf.place, instance, draft);
    }
  } else recorded = { kind: "value", value: act(request, place, instance, draft, ports) };
  return { kind: request.kind, digest: requestDigest(request), dueMs, recorded };
}

function act(
  request: Exclude<Request, WaitRequest>,
  place: string,
  instance: Instance,
  draft: StepDraft,
  ports: StepPorts,
): unknown {
  switch (request.kind) {
    case "read":
      return checkedResult("read", request.look(draft.graph), ports.limits);
    case "update": {
      const { graph, changes, result } = draft.graph.change(request.change);
      draft.addChanges(changes, graph);
      return checkedResult("update", result, ports.limits);
    }
    case "send":
      return addCommand(request, place, instance, draft);
    case "decide": {
      const encoded = asJson("decide", () => encodeValue(request.facts));
      const facts: VertexValue = decodeValue(encoded);
      draft.addDecision(instance.decision("rule", place, ports.nowMs, request.outcome, facts), encoded.length);
      return undefined;
    }
    case "now":
      return ports.nowMs;
    case "random":
      return chance(ports.random, `${instance.runId}/${place}`);
    case "variable": {
      const value = Object.hasOwn(ports.vars, request.name) ? ports.vars[request.name] : undefined;
      if (value === undefined) return request.fallback;
      if (typeof value === typeof request.fallback) return value;
      throw new Error(
        `variable ${request.name} is ${JSON.stringify(value)}; set it to a ${typeof request.fallback}, like ${request.fallback}`,
      );
    }
    default:
      return request satisfies never;
  }
}

function checkedLeaves(request: WaitRequest, place: string, instance: Instance, limits: Limits): readonly Leaf[] {
  const leaves: Leaf[] = [];
  for (const leaf of leavesOf(request, place)) {
    leaves.push(leaf);
    if (leaves.length > limits.waitsMax) throw new RuleFault("limit", `a wait for over ${limits.waitsMax} (waitsMax)`);
    checkLeaf(leaf.request, instance, limits);
  }
  if (leaves.length === 0) throw new RuleFault("misuse", "a race without a wait never ends");
  return leaves;
}

function checkLeaf(request: Leaf["request"], { rule }: Instance, { afterMsMax }: Limits): void {
  if (request.kind === "on" && rule?.waits.get(request.type.name) !== request.type)
    throw new RuleFault("misuse", `it waits for ${request.type.name}, which is not in its rule's \`waits\``);
  if (request.kind === "after" && !(request.ms >= 0 && request.ms <= afterMsMax))
    throw new RuleFault("misuse", `after(${request.ms}): 0 to ${afterMsMax} ms are allowed`);
}

function addCommand(request: CommandRequest, place: string, instance: Instance, draft: StepDraft): string {
  const { node, payload, instance: about, supersedes } = request;
  const id = commandIdOf(instance.runId, place);
  if (!(payload instanceof Uint8Array) || typeof node !== "string" || node === "")
    throw new RuleFault("misuse", `command ${id}: a node and a payload of bytes are needed`);
  draft.addCommand({
    id,
    node,
    payload: payload.slice(),
    ...(about === undefined ? {} : { instance: about }),
    ...(supersedes === undefined ? {} : { supersedes }),
  });
  return id;
}

/** A copy of the result, as replay will give it. */
function checkedResult(kind: string, result: unknown, { resultBytesMax }: Limits): unknown {
  if (result === undefined) return undefined;
  const encoded = asJson(kind, () => encodeValue({ result: result as Json }));
  if (encoded.length > resultBytesMax)
    throw new RuleFault(
      "limit",
      `${kind}: a result of ${encoded.length} bytes: over ${resultBytesMax} (resultBytesMax)`,
    );
  return decodeValue(encoded)["result"];
}

function asJson(kind: string, encode: () => Uint8Array): Uint8Array {
  try {
    return encode();
  } catch (error) {
    if (error instanceof GraphError)
      throw new RuleFault("misuse", `${kind}: only plain JSON is taken: ${error.message}`);
    throw error;
  }
}
