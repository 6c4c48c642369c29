/** What stands in the way of a local cluster, and what to do about it: told without a stack, exit code 1. */
export class LocalError extends Error {
  override readonly name = "LocalError";
}
