import type { Rule } from "@halon/rules";
import { clusterSpec } from "./cluster-spec.ts";
import { instanceChanged } from "./instance-changed.ts";
import { monitorUp } from "./monitor-up.ts";
import { nodeUnreachable } from "./node-unreachable.ts";
import { nodeUp, sessionBegun } from "./node-up.ts";

export { clusterSpec, instanceChanged, monitorUp, nodeUnreachable, nodeUp, sessionBegun };

/** The rules that ship. */
export const RULES: readonly Rule[] = [clusterSpec, nodeUp, sessionBegun, monitorUp, nodeUnreachable, instanceChanged];
