import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

/** Its name in the data directory. */
export const IDENTITY_FILE = "identity.json";
const FORMAT = 1;

const schema = z.strictObject({
  format: z.literal(FORMAT),
  cluster: z.string(),
  clusterId: z.string(),
  member: z.string(),
  members: z.array(z.string()),
});

/** Who a data directory belongs to. Written once, when the group is founded. */
export interface Identity {
  readonly cluster: string;
  /** Minted when the group was founded: members of another foundation of the same name are strangers. */
  readonly clusterId: string;
  readonly member: string;
  readonly members: readonly string[];
}

export type IdentityErrorCode = "absent" | "damaged" | "foreign" | "exists";

/** A data directory that this station must not vote with. The message says why, and what to do. */
export class IdentityError extends Error {
  override readonly name = "IdentityError";
  readonly code: IdentityErrorCode;

  constructor(code: IdentityErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const WORDS = { cluster: "cluster", member: "member", clusterId: "the group with the id" } as const;

/** The identity as one opaque string, for the journal and the store to hold against theirs. */
export const formatIdentity = ({ cluster, clusterId, member }: Identity): string => `${cluster}/${clusterId}/${member}`;

/** Puts it down durably, whole or not at all. */
export function writeIdentity(dir: string, identity: Identity): void {
  const path = join(dir, IDENTITY_FILE);
  writeFileSync(`${path}.new`, `${JSON.stringify({ format: FORMAT, ...identity }, undefined, 2)}\n`, { flush: true });
  renameSync(`${path}.new`, path);
  const handle = openSync(dir, "r");
  fsyncSync(handle);
  closeSync(handle);
}

/** What this process takes the directory for. */
export interface Expected {
  readonly cluster: string;
  readonly member: string;
  readonly clusterId?: string | undefined;
}

/**
 * Reads who the directory belongs to, and refuses what does not fit. A directory without an identity in an existing
 * cluster was wiped, or is new: it has no memory of its promises, so it must not vote.
 */
export function readIdentity(dir: string, expected: Expected): Identity {
  const path = join(dir, IDENTITY_FILE);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
    throw new IdentityError(
      "absent",
      `${dir} holds no identity. If the group has never run, found it with "station-replica init" for all members. ` +
        "If it has, this directory was wiped or lost: this station does not vote with it, as it has forgotten its promises; " +
        "the others go on while they are a majority. Restore the directory, or leave this station off",
      { cause },
    );
  }
  const parsed = schema.safeParse(parseJson(text));
  if (!parsed.success)
    throw new IdentityError(
      "damaged",
      `${path} is damaged: ${complaints(parsed.error)}. This station does not vote with it; restore the directory`,
    );
  const { format: _, ...identity } = parsed.data;
  for (const name of ["cluster", "member", "clusterId"] as const)
    if (expected[name] !== undefined && identity[name] !== expected[name])
      throw new IdentityError(
        "foreign",
        `${dir} belongs to ${WORDS[name]} ${identity[name]}, and this is ${WORDS[name]} ${expected[name]}: point it to its own directory`,
      );
  return identity;
}

/** In one line, for the log. */
const complaints = ({ issues }: z.ZodError): string =>
  issues.map(({ path, message }) => (path.length === 0 ? message : `${path.join(".")}: ${message}`)).join("; ");

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
