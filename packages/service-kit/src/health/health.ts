import { type Post, subjectsOf } from "@halon/proto";
import type { Subscription } from "@halon/runtime";

/** What a service says of itself: whether it does its work, and details that can be written as JSON. */
export interface HealthStatus {
  readonly healthy: boolean;
  readonly [detail: string]: unknown;
}

export interface HealthOptions {
  readonly node: string;
  readonly service: string;
}

export interface HealthAnswer {
  readonly healthy: boolean;
  /** One line of JSON: the service's status, or who did not answer and why. */
  readonly text: string;
}

/** Details above this are left out of the answer. */
const STATUS_CHARS_MAX = 64 * 1024;

/** Answers health requests of this cluster to `service` on `node`, with what `status` returns at that moment. */
export function serveHealth(
  post: Post,
  { node, service, status }: HealthOptions & { readonly status: () => HealthStatus },
): Subscription {
  return post.subscribe(subjectsOf(post.cluster).health(node, service), "healthRequest", ({ respond }) => {
    const present = status();
    respond?.({ kind: "health", value: { healthy: present.healthy, status: statusText(present) } });
  });
}

/** `done` comes once, at the latest after `timeoutMs`. No answer is not healthy. */
export function askHealth(
  post: Post,
  { node, service, timeoutMs }: HealthOptions & { readonly timeoutMs: number },
  done: (answer: HealthAnswer) => void,
): void {
  const subject = subjectsOf(post.cluster).health(node, service);
  const refuse = (why: string): void => done({ healthy: false, text: unhealthyText({ node, service }, why) });
  post.request(subject, { kind: "healthRequest", value: {} }, "health", timeoutMs, (outcome) => {
    switch (outcome.kind) {
      case "reply":
        return done({ healthy: outcome.value.healthy, text: outcome.value.status });
      case "noResponders":
        return refuse(`nobody answers for it in cluster ${post.cluster}: it is not running, or not connected`);
      case "timeout":
        return refuse(`no answer within ${timeoutMs} ms`);
      case "unsent":
      case "unreadable":
        return refuse(outcome.why);
      default:
        return outcome satisfies never;
    }
  });
}

/** The answer for a service that gives none. */
export const unhealthyText = ({ node, service }: HealthOptions, why: string): string =>
  JSON.stringify({ healthy: false, node, service, why });

function statusText(status: HealthStatus): string {
  const text = JSON.stringify(status, (_, value: unknown) => (typeof value === "bigint" ? Number(value) : value));
  if (text.length <= STATUS_CHARS_MAX) return text;
  return JSON.stringify({ healthy: status.healthy, leftOut: `details of ${text.length} characters` });
}
