import { serveStation } from "../log-group/serve-station.ts";
import type { StationConfig } from "../log-group/station-messages.ts";
import { putMachine } from "./put-machine.ts";

/** What a station for measuring is told. */
export interface BenchStationConfig extends StationConfig {
  /** Of the state machine. */
  readonly keys: number;
}

// A station for measuring: its log under a state machine that does next to nothing.
const config = JSON.parse(process.argv[2] ?? "") as BenchStationConfig;
await serveStation(config, putMachine(config.keys));
