import type {
  Activate,
  ActivateReply,
  CommandReply,
  EventPayload,
  Heartbeat,
  HeartbeatAck,
  NodeCommand,
} from "@halon/proto";
import type { DriverNotice, Grant, RunRequest, Survivor } from "../instance-driver.ts";
import type { AgentState } from "./agent-state.ts";

/** How the submission of an event ended. */
export type SubmitOutcome = "stored" | "refused" | "full";

export type AgentInput =
  /** The first input, once. `seqBase`: heartbeats are numbered from here, far from any earlier life's numbers. */
  | {
      readonly kind: "begin";
      readonly stored: AgentState | undefined;
      readonly survivors: readonly Survivor[];
      readonly seqBase: number;
    }
  | { readonly kind: "command"; readonly token: number; readonly command: NodeCommand }
  | { readonly kind: "activate"; readonly token: number; readonly activate: Activate }
  | { readonly kind: "ack"; readonly ack: HeartbeatAck }
  | { readonly kind: "notice"; readonly notice: DriverNotice }
  | { readonly kind: "submitted"; readonly key: string; readonly outcome: SubmitOutcome }
  /** The state of this `version`, and all before it, is durable. */
  | { readonly kind: "saved"; readonly version: number }
  /** End all that runs here, and start nothing more. */
  | { readonly kind: "shutdown" }
  | { readonly kind: "timer"; readonly name: string; readonly random: number };

export type AgentOutput =
  | { readonly kind: "heartbeat"; readonly monitor: string; readonly heartbeat: Heartbeat }
  /** Have the event stored; one is under way per key. Answered by `submitted`. */
  | { readonly kind: "submit"; readonly key: string; readonly type: string; readonly payload: EventPayload }
  | { readonly kind: "reply"; readonly token: number; readonly reply: CommandReply }
  /** The command gets no answer; whoever sent it asks again. */
  | { readonly kind: "unanswered"; readonly token: number }
  | { readonly kind: "activated"; readonly token: number; readonly reply: ActivateReply }
  /** Pass the activation on to the coordinator that waits on this node, and its answer back. */
  | { readonly kind: "activateResident"; readonly token: number; readonly epoch: number }
  | { readonly kind: "run"; readonly request: RunRequest }
  | { readonly kind: "adopt"; readonly run: number; readonly survivor: Survivor }
  | { readonly kind: "end"; readonly key: string; readonly run: number; readonly graceMs: number }
  | { readonly kind: "renew"; readonly key: string; readonly run: number; readonly grant: Grant }
  /** Make this state durable; only the newest version counts. Answered by `saved`. */
  | { readonly kind: "save"; readonly version: number; readonly state: AgentState }
  /** After `shutdown`: nothing runs any more. */
  | { readonly kind: "idle" }
  /** For the log. */
  | {
      readonly kind: "note";
      readonly level: "info" | "warn";
      readonly text: string;
      readonly facts: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: "timer"; readonly name: string; readonly atMs: number | undefined };

/** Where the parts of the core put what is to be done. */
export type Outputs = AgentOutput[];
