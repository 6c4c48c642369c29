import { Post } from "@halon/proto";
import { systemClock, systemRandom, type Transport } from "@halon/runtime";
import { openTransportNats } from "@halon/transport-nats";
import type { CommonConfig } from "../config/common-fields.ts";
import { askHealth, type HealthAnswer, unhealthyText } from "./health.ts";

/** Time for the whole command, connecting included. */
const HEALTH_DEADLINE_MS = 3_000;
/** What the answer gets at least, however long connecting took. */
const ANSWER_MIN_MS = 100;

/** The command `health`: asks the running service of this node, prints one line of JSON, returns the exit code. */
export async function healthCommand(
  service: string,
  config: CommonConfig,
  print: (line: string) => void,
): Promise<number> {
  const { cluster, node, natsUrl } = config;
  const deadlineMs = systemClock.nowMs() + HEALTH_DEADLINE_MS;
  const name = `${node}.${service}.health`;
  let transport: Transport;
  try {
    const signal = AbortSignal.timeout(HEALTH_DEADLINE_MS - ANSWER_MIN_MS);
    transport = await openTransportNats({ servers: natsUrl, name, signal });
  } catch (error) {
    print(unhealthyText({ node, service }, error instanceof Error ? error.message : String(error)));
    return 1;
  }
  const post = new Post(transport, systemRandom, { cluster, sender: name });
  const timeoutMs = Math.max(ANSWER_MIN_MS, Math.round(deadlineMs - systemClock.nowMs()));
  const answer = await new Promise<HealthAnswer>((done) => askHealth(post, { node, service, timeoutMs }, done));
  print(answer.text);
  await transport.close();
  return answer.healthy ? 0 : 1;
}
