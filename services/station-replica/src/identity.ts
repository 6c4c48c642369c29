import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isMemberId, type MemberId } from "@halon/consensus";
import { z } from "zod";
import { type DirectoryMark, isMarked, writeMarked } from "./directory-mark.ts";

/** Its name in the data directory. */
export const IDENTITY_FILE = "identity.json";
const FORMAT = 2;
/** Of the members that found a group: they have to know each other's ids before they have ever talked. */
export const FOUNDING_INCARNATION = "0";

const memberSchema = z.string().refine(isMemberId, "no id of a member");
const schema = z.strictObject({
  format: z.literal(FORMAT),
  cluster: z.string(),
  clusterId: z.string(),
  name: z.string(),
  incarnation: z.string().regex(/^[a-z0-9]{1,16}$/),
  stage: z.enum(["founding", "joining", "member"]),
  members: z.array(memberSchema).optional(),
  mark: z.strictObject({ directory: z.string(), file: z.string(), born: z.string() }),
});

/** Who a data directory belongs to. */
export interface Identity {
  readonly cluster: string;
  /** Minted when the group was founded: members of another foundation of the same name are strangers. */
  readonly clusterId: string;
  /** Of the node. */
  readonly name: string;
  /** Names this memory of promises: another directory of the same node is another member of the group. */
  readonly incarnation: string;
  /**
   * `founding`: it is one of those with which the group begins, and has not run yet. `joining`: it has never voted.
   * `member`: it has, so its journal holds promises.
   */
  readonly stage: "founding" | "joining" | "member";
  /** While founding: ids of all who do. Afterwards the log alone says who the members are. */
  readonly members?: readonly MemberId[] | undefined;
}

/** Its id in the group. */
export const memberOf = ({ name, incarnation }: Pick<Identity, "name" | "incarnation">): MemberId =>
  `${name}.${incarnation}`;

/** The identity of one of those nodes that found a group together. */
export const foundingIdentity = (
  group: { readonly cluster: string; readonly clusterId: string },
  name: string,
  nodes: readonly string[],
): Identity => ({
  ...group,
  name,
  incarnation: FOUNDING_INCARNATION,
  stage: "founding",
  members: nodes.map((node) => memberOf({ name: node, incarnation: FOUNDING_INCARNATION })),
});

export type IdentityErrorCode = "absent" | "damaged" | "foreign" | "exists" | "copied" | "version";

/** A data directory that this station must not vote with. The message says why, and what to do. */
export class IdentityError extends Error {
  override readonly name = "IdentityError";
  readonly code: IdentityErrorCode;

  constructor(code: IdentityErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const WORDS = { cluster: "cluster", name: "station", clusterId: "the group with the id" } as const;

/** The identity as one opaque string, for the journal and the store to hold against theirs. */
export const formatIdentity = ({ cluster, clusterId, name, incarnation }: Identity): string =>
  `${cluster}/${clusterId}/${memberOf({ name, incarnation })}`;

/** Puts it down durably, whole or not at all, marked so that a copy of the directory is noticed. */
export function writeIdentity(dir: string, identity: Identity): void {
  const text = (mark: DirectoryMark): string =>
    `${JSON.stringify({ format: FORMAT, ...identity, mark }, undefined, 2)}\n`;
  writeMarked(dir, IDENTITY_FILE, text);
}

/** What this process takes the directory for. */
export interface Expected {
  readonly cluster: string;
  readonly name: string;
  readonly clusterId?: string | undefined;
}

/**
 * Reads who the directory belongs to, and refuses what does not fit. Throws {@link IdentityError}. `isMoved`: whether the
 * directory was copied is not looked at, for those who only look, or adopt it.
 */
export function readIdentity(dir: string, expected: Partial<Expected>, { isMoved = false } = {}): Identity {
  const path = join(dir, IDENTITY_FILE);
  const { format: _, mark, ...identity } = parse(path, readText(path, dir));
  for (const name of ["cluster", "name", "clusterId"] as const)
    if (expected[name] !== undefined && identity[name] !== expected[name])
      throw new IdentityError(
        "foreign",
        `${dir} belongs to ${WORDS[name]} ${identity[name]}, and this is ${WORDS[name]} ${expected[name]}: point it to its own directory`,
      );
  if (isMoved || isMarked(dir, IDENTITY_FILE, mark)) return identity;
  throw new IdentityError(
    "copied",
    `${dir} is a copy of the directory of ${memberOf(identity)}, or was restored from a backup: it may lack promises that the original has made ` +
      `since. If the original still exists, run that one, alone. If it does not, "station-replica adopt" takes this directory ` +
      "over: the station then joins anew, as another member, and learns from the others what was decided",
  );
}

function readText(path: string, dir: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
    throw new IdentityError("absent", `${dir} holds no identity: it is new, or was wiped or lost`, { cause });
  }
}

function parse(path: string, text: string): z.output<typeof schema> {
  const json = parseJson(text);
  const version = z.object({ format: z.number() }).safeParse(json);
  if (version.success && version.data.format !== FORMAT)
    throw new IdentityError(
      "version",
      `${path} has format ${version.data.format}, and this version reads ${FORMAT}: use the version that wrote it, or start anew with an empty directory`,
    );
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new IdentityError("damaged", `${path} is damaged: ${complaints(parsed.error)}`);
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
