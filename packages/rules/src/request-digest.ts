import { digest } from "./digest.ts";
import type { CommandRequest, Request } from "./operation.ts";

/** What of a request is compared on replay, beside its kind. Functions cannot be compared. */
export function requestDigest(request: Request): string {
  switch (request.kind) {
    case "read":
    case "update":
    case "now":
    case "random":
      return "";
    case "variable":
      return request.name;
    case "send":
    case "tell":
      return commandDigest(request);
    case "decide":
      return digest(JSON.stringify([request.outcome, request.facts]));
    case "on":
      return request.type.name;
    case "after":
      return String(request.ms);
    case "race":
      return digest(JSON.stringify(request.waits.map(([name, wait]) => [name, wait.kind, requestDigest(wait)])));
    default:
      return request satisfies never;
  }
}

const commandDigest = ({ node, payload, instance, supersedes }: CommandRequest): string =>
  digest(JSON.stringify([node, instance ?? null, supersedes ?? null]), payload);
