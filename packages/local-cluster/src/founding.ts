import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { LocalError } from "./local-error.ts";
import { lockHolder } from "./lock.ts";
import { planNodes, SHAPE_DEFAULT, type Shape } from "./node-plan.ts";
import type { StateDir } from "./state-dir.ts";

const FORMAT = 1;
/** A name on the bus that another local cluster on the same broker hardly has. */
const NAME_PREFIX = "local";

/** What is remembered of a local cluster from one start to the next. */
export interface Foundation {
  readonly cluster: string;
  readonly clusterId: string;
  readonly shape: Shape;
}

interface Stored extends Foundation {
  readonly format: typeof FORMAT;
  /** False until all stations are founded: nothing has run before. */
  readonly isFounded: boolean;
}

/** Founds one station's directory; rejects with why it could not. */
export type FoundStation = (station: string, foundation: Foundation) => Promise<void>;

/**
 * The cluster in `dir`, founded now if it is new. `asked`: what the command line says; the number of stations cannot
 * change, the others can. Throws {@link LocalError}.
 */
export async function openFoundation(
  dir: StateDir,
  asked: Partial<Shape>,
  foundStation: FoundStation,
): Promise<Foundation & { readonly isNew: boolean }> {
  const stored = readShape(dir);
  const shape: Shape = { ...(stored?.shape ?? SHAPE_DEFAULT), ...asked };
  const stations = planNodes(shape).filter(({ kind }) => kind === "station");
  if (stored?.isFounded === true) {
    if (shape.stations !== stored.shape.stations)
      throw new LocalError(
        `the cluster in ${dir.path} was founded with --stations ${stored.shape.stations}, and members cannot be changed: ` +
          `leave --stations out, or forget that cluster with --fresh`,
      );
    const { cluster, clusterId } = stored;
    writeShape(dir, { format: FORMAT, cluster, clusterId, shape, isFounded: true });
    return { cluster, clusterId, shape, isNew: false };
  }
  const full = stations.find(({ name }) => stored === undefined && isFull(dir.station(name)));
  if (full !== undefined)
    throw new LocalError(
      `${dir.station(full.name)} holds a station, but ${dir.shape} is gone: restore that file, or forget the cluster with --fresh`,
    );
  const clusterId = randomBytes(16).toString("hex");
  const foundation: Foundation = { cluster: `${NAME_PREFIX}-${clusterId.slice(0, 8)}`, clusterId, shape };
  writeShape(dir, { format: FORMAT, ...foundation, isFounded: false });
  // What an earlier founding that was cut short has left was never used.
  for (const { name } of stations) rmSync(dir.station(name), { recursive: true, force: true });
  await Promise.all(stations.map(({ name }) => foundStation(name, foundation)));
  writeShape(dir, { format: FORMAT, ...foundation, isFounded: true });
  return { ...foundation, isNew: true };
}

const isFull = (path: string): boolean => existsSync(path) && readdirSync(path).length > 0;

/** What is stored of the cluster in `dir`, `undefined` when there is none. Throws {@link LocalError} when it is damaged. */
function readShape(dir: StateDir): Stored | undefined {
  let text: string;
  try {
    text = readFileSync(dir.shape, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const stored = JSON.parse(text) as Stored;
    const { cluster, clusterId, shape } = stored;
    planNodes(shape);
    if (stored.format === FORMAT && typeof cluster === "string" && typeof clusterId === "string") return stored;
  } catch {
    // Told below.
  }
  throw new LocalError(`${dir.shape} is damaged: restore it, or forget the cluster with --fresh`);
}

function writeShape(dir: StateDir, stored: Stored): void {
  mkdirSync(dirname(dir.shape), { recursive: true });
  writeFileSync(`${dir.shape}.new`, `${JSON.stringify(stored, undefined, 2)}\n`, { flush: true });
  renameSync(`${dir.shape}.new`, dir.shape);
}

/** Removes all that is kept of the cluster, but for live launchers' locks and what they guard. Nothing of it may be running. */
export function forget(dir: StateDir): void {
  if (!existsSync(dir.path)) return;
  for (const name of readdirSync(dir.path)) {
    const path = join(dir.path, name);
    // The demo's cluster lies below that of an ordinary start.
    const isAnothers = lockHolder(join(path, basename(dir.lock))) !== undefined;
    if (path !== dir.lock && !isAnothers) rmSync(path, { recursive: true, force: true });
  }
}
