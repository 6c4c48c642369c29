import { crc32 } from "node:zlib";
import { z } from "zod";
import type { AgentState } from "../core/agent-state.ts";

const FORMAT = 1;
const count = z.int().min(0);

const spec = z.strictObject({
  instance: z.string(),
  service: z.string(),
  generation: count,
  command: z.array(z.string()),
  env: z.record(z.string(), z.string()),
  exclusive: z.boolean(),
  restartsMax: count,
  restartWindowMs: count,
  cwd: z.string(),
});
const record = z.strictObject({
  spec,
  wanted: z.boolean(),
  failed: z.boolean(),
  restarts: count,
  reason: z.string(),
  port: count,
});
const process = z.strictObject({ key: z.string(), generation: count, pid: count, birth: z.string(), port: count });
const state = z.strictObject({
  epoch: count,
  activated: count,
  session: count,
  monitors: z.array(z.string()),
  needed: count,
  instances: z.array(record),
  processes: z.array(process),
});
const file = z.strictObject({ format: z.literal(FORMAT), crc: count, state: z.string() });

export function encodeAgentState(value: AgentState): Uint8Array {
  const pick = ({ key, generation, pid, birth, port }: AgentState["processes"][number]) => ({
    ...{ key, generation, pid, birth, port },
  });
  const text = JSON.stringify({ ...value, processes: value.processes.map(pick) });
  return Buffer.from(JSON.stringify({ format: FORMAT, crc: crc32(text), state: text }));
}

/** `undefined` when the bytes are damaged, or of a format that this version does not know. */
export function decodeAgentState(bytes: Uint8Array): AgentState | undefined {
  try {
    const { crc, state: text } = file.parse(JSON.parse(Buffer.from(bytes).toString()));
    return crc === crc32(text) ? state.parse(JSON.parse(text)) : undefined;
  } catch {
    return undefined;
  }
}
