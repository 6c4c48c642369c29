import { Scratch } from "../log-group/scratch.ts";
import { round } from "./bench.ts";
import { Halon } from "./halon.ts";
import type { Measured } from "./load.ts";
import {
  type Figures,
  IN_FLIGHT_MAX,
  type Pace,
  type Row,
  VALUE_BYTES,
  warmed,
  withClients,
  writesOf,
} from "./series.ts";
import type { System } from "./system.ts";

const MEMBERS = [3, 5, 7] as const;
const VALUES = [
  { name: "64b", bytes: 64 },
  { name: "1kib", bytes: 1_024 },
  { name: "16kib", bytes: 16 * 1_024 },
  { name: "64kib", bytes: 64 * 1_024 },
] as const;

/** What a group of three, five, seven costs, each started for it. */
export async function sweepMembers(pace: Pace, note: (row: Row) => void): Promise<Figures> {
  const figures: Record<string, number> = {};
  for (const members of MEMBERS) {
    const scratch = new Scratch();
    try {
      const halon = await Halon.start(scratch, { members });
      // The full load first: it is what compiles the programs.
      const many = await measure(halon, IN_FLIGHT_MAX, VALUE_BYTES, pace);
      note({ load: `${IN_FLIGHT_MAX} in flight, ${members} members`, measured: many });
      figures[`per_s_${IN_FLIGHT_MAX}_members_${members}`] = round(many.perSecond);
      const one = await measure(halon, 1, VALUE_BYTES, pace);
      note({ load: `1 in flight, ${members} members`, measured: one });
      figures[`p50_ms_1_members_${members}`] = round(one.p50Ms);
    } finally {
      await scratch.end();
    }
  }
  return figures;
}

/** What values of other sizes cost, on a system that runs already. */
export async function sweepValues(system: System, pace: Pace, note: (row: Row) => void): Promise<Figures> {
  const figures: Record<string, number> = {};
  for (const { name, bytes } of VALUES) {
    const measured = await measure(system, IN_FLIGHT_MAX, bytes, pace);
    note({ load: `${IN_FLIGHT_MAX} in flight, ${name}`, measured });
    figures[`per_s_${name}`] = round(measured.perSecond);
    figures[`p99_ms_${name}`] = round(measured.p99Ms);
  }
  return figures;
}

const measure = (system: System, inFlight: number, bytes: number, pace: Pace): Promise<Measured> =>
  withClients(system, 1, (clients) => warmed(writesOf(clients, bytes), inFlight, pace));
