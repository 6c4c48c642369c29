import { type Event, type EventGroup, isName } from "@halon/proto";

/** Largest payload of one event. */
export const EVENT_BYTES_MAX = 192 * 1024;
/** Events of one group. */
export const GROUP_EVENTS_MAX = 4_096;
const SIZE_BYTES = 4;

export const countOf = ({ sizes }: Pick<EventGroup, "sizes">): number => sizes.byteLength / SIZE_BYTES;

const sizesOf = ({ sizes }: Pick<EventGroup, "sizes">): DataView =>
  new DataView(sizes.buffer, sizes.byteOffset, sizes.byteLength);

/** The payloads of a group, in order, as views. */
export function payloadsOf(group: Pick<EventGroup, "sizes" | "payloads">): readonly Uint8Array[] {
  const sizes = sizesOf(group);
  const payloads: Uint8Array[] = [];
  let from = 0;
  for (let at = 0; at < sizes.byteLength; at += SIZE_BYTES) {
    const to = from + sizes.getUint32(at, true);
    payloads.push(group.payloads.subarray(from, to));
    from = to;
  }
  return payloads;
}

/** Payloads one after the other, and how long each is. */
export function packed(payloads: readonly Uint8Array[]): Pick<EventGroup, "sizes" | "payloads"> {
  const sizes = new Uint8Array(payloads.length * SIZE_BYTES);
  const view = new DataView(sizes.buffer);
  const all = new Uint8Array(payloads.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let from = 0;
  for (const [at, payload] of payloads.entries()) {
    view.setUint32(at * SIZE_BYTES, payload.byteLength, true);
    all.set(payload, from);
    from += payload.byteLength;
  }
  return { sizes, payloads: all };
}

/** A single event as a group. One without an id has a nameless producer. */
export const groupOf = ({ id, type, payload, traceparent, lowest, priority, registered }: Event): EventGroup => ({
  producer: id?.producer ?? "",
  incarnation: id?.incarnation ?? "",
  first: id?.seq ?? 0,
  lowest,
  priority: priority ?? 0,
  type,
  ...packed([payload]),
  traceparent,
  registered: registered ?? false,
});

/** `count` events of the group from the `from`-th on. */
export function partOf(group: EventGroup, from: number, count: number): EventGroup {
  if (from === 0 && count === countOf(group)) return group;
  const sizes = sizesOf(group);
  let start = 0;
  for (let at = 0; at < from; at++) start += sizes.getUint32(at * SIZE_BYTES, true);
  let end = start;
  for (let at = from; at < from + count; at++) end += sizes.getUint32(at * SIZE_BYTES, true);
  return {
    ...group,
    first: group.first + from,
    sizes: group.sizes.subarray(from * SIZE_BYTES, (from + count) * SIZE_BYTES),
    payloads: group.payloads.subarray(start, end),
  };
}

/** What is wrong with who sent it, or `undefined`. */
export const producerComplaint = (producer: string, incarnation: string): string | undefined =>
  /^[A-Za-z0-9_.-]{1,128}$/.test(producer) && isName(incarnation)
    ? undefined
    : "event without a proper id: producer, incarnation and a sequence number from 1 are needed";

/** What is wrong with a group, or `undefined`. All that follows may rely on it. */
export function complaint(group: EventGroup): string | undefined {
  const { producer, incarnation, first, type, priority, sizes, payloads } = group;
  const strange = producerComplaint(producer, first >= 1 ? incarnation : "");
  if (strange !== undefined) return strange;
  if (!/^[a-z][a-z0-9.-]{0,63}$/.test(type))
    return `event type ${JSON.stringify(type)}: use 1 to 64 characters of a-z 0-9 . - that begin with a letter`;
  if (priority > 3) return `event of priority ${priority}: use 0 to 3, which stand for none, urgent, normal and bulk`;
  if (sizes.byteLength % SIZE_BYTES !== 0 || sizes.byteLength === 0 || countOf(group) > GROUP_EVENTS_MAX)
    return `group of ${sizes.byteLength / SIZE_BYTES} events: use 1 to ${GROUP_EVENTS_MAX}`;
  const view = sizesOf(group);
  let sum = 0;
  for (let at = 0; at < sizes.byteLength; at += SIZE_BYTES) {
    const bytes = view.getUint32(at, true);
    if (bytes > EVENT_BYTES_MAX)
      return `event of ${bytes} bytes: at most ${EVENT_BYTES_MAX} are allowed; submit a reference instead`;
    sum += bytes;
  }
  if (sum !== payloads.byteLength)
    return `group with payloads of ${payloads.byteLength} bytes, and sizes that say ${sum}: pack it anew`;
  return undefined;
}
