/** Bytes that are no message or record of ours. `message` says where it ends to make sense. */
export class PaxosCodecError extends Error {
  override readonly name = "PaxosCodecError";
}
