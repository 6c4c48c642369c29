/** Counted by a counter, which is a rule without instances. */
export const COUNTED = "bench.counted";
/** Begins an instance of a rule of one step. */
export const RULED = "bench.ruled";
