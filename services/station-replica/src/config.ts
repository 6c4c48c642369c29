import { MEMBERS_MAX } from "@halon/consensus";
import { commonFields, defineConfig, nameField, stateFields } from "@halon/service-kit";
import { z } from "zod";

const API_ADDRESS = /^(?:off|(?:\[[0-9a-f:.]+\]|[^:\s[\]]+):\d{1,5})$/i;

const fields = {
  ...commonFields,
  ...stateFields,
  members: z
    .array(nameField())
    .min(1)
    .max(MEMBERS_MAX)
    .optional()
    .meta({ description: "Nodes of all members of the group, this one among them; for init" }),
  clusterId: nameField()
    .optional()
    .meta({ description: "Id of the group: init takes it instead of minting one, run refuses a directory of another" }),
  rejoin: z.enum(["on", "off"]).default("on").meta({
    description: "Whether a station whose directory is empty or damaged joins again by itself, as a new incarnation",
  }),
  apiAddress: z
    .string()
    .regex(API_ADDRESS, "write host:port (port 0: any that is free), or off")
    .default("127.0.0.1:15001")
    .meta({ description: "Where operators are served over gRPC, without authentication; off: nowhere" }),
};

/** What a station is told. `stateDir` is its data directory. */
export const definition = defineConfig({
  service: "station-replica",
  about: "one member of the tracking station: agrees with the others, keeps the replicated state, answers from it",
  schema: z.strictObject(fields),
  commands: {
    init: "founds this member of a new group in the empty stateDir, prints the id of the group; once, before the first run",
    adopt:
      "takes over a stateDir that was copied, moved here from another machine, or replaced: joins anew with it at the next run; its old votes are void",
    "check-store":
      "reads through the applied state in stateDir of a station that does not run; exits 1 if it is damaged",
  },
});

export type StationConfig = z.output<typeof definition.schema>;
