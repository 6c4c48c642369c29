/** What is written and synced in one go at most; bounds the copy that is made for it. */
const BATCH_BYTES_MAX = 8 * 1024 * 1024;

/** The oldest of `records`, at least one and else as many as fit into `room`, one after another; and the last of them. */
export function batchOf(
  records: readonly Buffer[],
  room: number,
): { readonly batch: Buffer; readonly count: number; readonly last: Buffer } {
  const first = records[0] as Buffer;
  const bytesMax = Math.min(BATCH_BYTES_MAX, room);
  let last = first;
  let bytesCount = first.length;
  let count = 1;
  for (; count < records.length; count++) {
    const next = records[count] as Buffer;
    if (bytesCount + next.length > bytesMax) break;
    bytesCount += next.length;
    last = next;
  }
  return { batch: count === 1 ? first : Buffer.concat(records.slice(0, count), bytesCount), count, last };
}
