export * from "./coordinator-state.ts";
export * from "./founding.ts";
export * from "./identity.ts";
export { type Data, openData } from "./open-data.ts";
export * from "./service.ts";
export * from "./station-state.ts";
