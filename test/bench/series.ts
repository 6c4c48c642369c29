import { round } from "./bench.ts";
import { costOf } from "./cost.ts";
import { type Call, load, type Measured } from "./load.ts";
import { type Client, type System, valuesOf } from "./system.ts";

export const IN_FLIGHT = [1, 64, 256, 1_000] as const;
export const IN_FLIGHT_MAX = 1_000;
/** Separate connections, and what each has in flight. */
export const CLIENTS = 100;
const CLIENT_IN_FLIGHT = 10;
export const VALUE_BYTES = 256;
/** Connections that are opened at a time. */
const CONNECTING_MAX = 10;

export interface Pace {
  /** Of each measurement. */
  readonly seconds: number;
  /** Of the same load, right before, not counted. */
  readonly warmUpSeconds: number;
  /** Once for each system, at full load: programs that compile while they run are measured compiled. */
  readonly compileSeconds: number;
}

/** One load, measured. */
export interface Row {
  readonly load: string;
  readonly measured: Measured;
}

export type Figures = Readonly<Record<string, number>>;

/** The load that all systems get, step by step. `note` is told of each. */
export async function measureSeries(system: System, pace: Pace, note: (row: Row) => void): Promise<Figures> {
  const figures: Record<string, number> = {};
  const add = (title: string, measured: Measured, figure: string): void => {
    note({ load: title, measured });
    Object.assign(figures, figuresOf(measured, figure));
  };
  await withClients(system, 1, async (clients) => {
    await load(writesOf(clients), { inFlight: IN_FLIGHT_MAX, seconds: pace.compileSeconds });
    for (const inFlight of IN_FLIGHT) {
      const writes = writesOf(clients);
      await load(writes, { inFlight, seconds: pace.warmUpSeconds });
      const { measured, cost } = await costed(system, () => load(writes, { inFlight, seconds: pace.seconds }));
      add(`${inFlight} in flight`, measured, `${inFlight}`);
      if (inFlight === IN_FLIGHT_MAX) Object.assign(figures, cost);
    }
    const reads = clients.flatMap(({ read }) => (read === undefined ? [] : [read]));
    if (reads.length === 0) return;
    const measured = await warmed(reads, IN_FLIGHT_MAX, pace);
    note({ load: `${IN_FLIGHT_MAX} reads in flight`, measured });
    figures["reads_per_s"] = round(measured.perSecond);
    figures["reads_p99_ms"] = round(measured.p99Ms);
  });
  const many = await withClients(system, CLIENTS, (clients) => warmed(writesOf(clients), CLIENT_IN_FLIGHT, pace));
  add(`${CLIENTS} clients x ${CLIENT_IN_FLIGHT}`, many, `${CLIENTS}x${CLIENT_IN_FLIGHT}`);
  return figures;
}

/** `per_s_X`, `p50_ms_X`, `p99_ms_X`; `failed_X` only where something failed. */
const figuresOf = ({ perSecond, p50Ms, p99Ms, failed }: Measured, name: string): Figures => ({
  [`per_s_${name}`]: round(perSecond),
  [`p50_ms_${name}`]: round(p50Ms),
  [`p99_ms_${name}`]: round(p99Ms),
  ...(failed > 0 && { [`failed_${name}`]: failed }),
});

export function writesOf(clients: readonly Client[], valueBytes = VALUE_BYTES): readonly Call[] {
  const valueAt = valuesOf(valueBytes);
  return clients.map((client) => (number, done) => client.write(number, valueAt(number), done));
}

/** The same load twice: for a while, then measured. */
export async function warmed(calls: readonly Call[], inFlight: number, pace: Pace): Promise<Measured> {
  await load(calls, { inFlight, seconds: pace.warmUpSeconds });
  return load(calls, { inFlight, seconds: pace.seconds });
}

/** Has that many clients connected meanwhile. */
export async function withClients<T>(
  system: System,
  count: number,
  use: (clients: readonly Client[]) => Promise<T>,
): Promise<T> {
  const clients: Client[] = [];
  const worker = async (): Promise<void> => {
    for (; wanted > 0; ) {
      wanted--;
      clients.push(await system.connect());
    }
  };
  let wanted = count;
  try {
    await Promise.all(Array.from({ length: Math.min(count, CONNECTING_MAX) }, worker));
    return await use(clients);
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

/** With what it has cost per command, where that can be told. */
async function costed(
  system: System,
  measure: () => Promise<Measured>,
): Promise<{ readonly measured: Measured; readonly cost: Figures }> {
  const before = costOf(system.pids());
  const wireBefore = await system.wireBytes?.();
  const measured = await measure();
  const after = costOf(system.pids());
  const wireAfter = await system.wireBytes?.();
  const per = (amount: number): number => round(amount / measured.count);
  const cost = {
    ...(before &&
      after && {
        [`cpu_us_per_command_${IN_FLIGHT_MAX}`]: per(after.cpuUs - before.cpuUs),
        [`loopback_bytes_per_command_${IN_FLIGHT_MAX}`]: per(after.loopbackBytes - before.loopbackBytes),
      }),
    ...(wireBefore !== undefined &&
      wireAfter !== undefined && { [`wire_bytes_per_command_${IN_FLIGHT_MAX}`]: per(wireAfter - wireBefore) }),
  };
  return { measured, cost };
}
