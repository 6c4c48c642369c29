import { type Delivery, PAYLOAD_BYTES_MAX, SUBJECT_CHARS_MAX } from "../transport.ts";
import { codeThrown } from "./suite.ts";
import { ask, bytes, type Check, drained, kinds, LONG_MS, listen, text } from "./transport-harness.ts";

/** Who gets a message. */
export function publishing(check: Check): void {
  check("a message reaches every subscriber, the sender included", async (bus, expect) => {
    const [a, b] = [await bus.open("a"), await bus.open("b")];
    const received = [await listen(bus, a, "news.1"), await listen(bus, b, "news.1"), await listen(bus, b, "news.1")];
    a.publish("news.1", bytes("x"));
    await drained(bus, a, b);
    await drained(bus, a);
    expect(
      received.map((each) => each.map(({ subject, payload, respond }) => [subject, text(payload), respond])),
    ).toEqual(received.map(() => [["news.1", "x", undefined]]));
  });

  check("wildcards: * is one token, a last > one or more", async (bus, expect) => {
    const bus1 = await bus.open("a");
    const patterns = ["w.*.c", "w.>", "w.*", "w.b.c", ">", "w.b.*", "*.b.>"];
    const received = new Map<string, Delivery[]>();
    for (const pattern of patterns) received.set(pattern, await listen(bus, bus1, pattern));
    const subjects = ["w", "w.b", "w.b.c", "w.x.c", "w.b.c.d", "v.b.c"];
    for (const subject of subjects) bus1.publish(subject, bytes(""));
    await drained(bus, bus1);
    const heard = (pattern: string): readonly string[] =>
      (received.get(pattern) ?? []).map(({ subject }) => subject).filter((subject) => subjects.includes(subject));
    expect(Object.fromEntries(patterns.map((pattern) => [pattern, heard(pattern)]))).toEqual({
      "w.*.c": ["w.b.c", "w.x.c"],
      "w.>": ["w.b", "w.b.c", "w.x.c", "w.b.c.d"],
      "w.*": ["w.b"],
      "w.b.c": ["w.b.c"],
      ">": subjects,
      "w.b.*": ["w.b.c"],
      "*.b.>": ["w.b.c", "w.b.c.d", "v.b.c"],
    });
  });

  check("counters tell what was published and delivered", async (bus, expect) => {
    const a = await bus.open("a");
    const received = await listen(bus, a, "count");
    const before = { ...a.counters };
    for (let n = 0; n < 10; n++) a.publish("count", bytes(`${n}`));
    await bus.until(() => received.length === 10);
    expect(a.counters).toEqual({ ...before, published: before.published + 10, delivered: before.delivered + 10 });
  });

  check("after unsubscribing nothing is delivered, not even what had arrived", async (bus, expect) => {
    const [a, b] = [await bus.open("a"), await bus.open("b")];
    let count = 0;
    const subscription = b.subscribe("burst", {}, () => {
      count++;
      subscription.unsubscribe();
    });
    await drained(bus, b);
    for (let n = 0; n < 100; n++) a.publish("burst", bytes(""));
    await drained(bus, a, b);
    a.publish("burst", bytes(""));
    await drained(bus, a, b);
    expect(count).toBe(1);
    subscription.unsubscribe();
  });
}

/** Messages shared by several. */
export function queueGroups(check: Check): void {
  check("each message goes to exactly one member, and every member gets some", async (bus, expect) => {
    const sender = await bus.open("sender");
    const members: Delivery[][] = [];
    for (const name of ["m1", "m2", "m3"]) members.push(await listen(bus, await bus.open(name), "job.*", "workers"));
    const other = await listen(bus, sender, "job.1", "auditors");
    const plain = await listen(bus, sender, "job.>");
    for (let n = 0; n < 300; n++) sender.publish("job.1", bytes(`${n}`));
    await bus.until(() => members.flat().length >= 300);
    await drained(bus, sender);
    expect(new Set(members.flat().map(({ payload }) => text(payload))).size).toBe(300);
    expect(members.flat().length).toBe(300);
    expect(members.every((member) => member.length > 0)).toBe(true);
    expect([other.length, plain.length]).toEqual([300, 300]);
  });

  check("a member that left gets nothing more, the rest gets all", async (bus, expect) => {
    const [sender, left, stays] = [await bus.open("sender"), await bus.open("left"), await bus.open("stays")];
    const received = await listen(bus, stays, "job", "workers");
    const gone = await listen(bus, left, "job", "workers");
    await left.close();
    await drained(bus, sender);
    for (let n = 0; n < 50; n++) sender.publish("job", bytes(""));
    await drained(bus, sender, stays);
    expect([received.length, gone.length]).toEqual([50, 0]);
  });
}

/** When callbacks come, and how many may wait. */
export function delivery(check: Check): void {
  check("never from within publish, and one at a time", async (bus, expect) => {
    const a = await bus.open("a");
    let inside = 0;
    let nested = 0;
    let deepest = 0;
    let count = 0;
    const guarded = (act: () => void): void => {
      inside++;
      act();
      inside--;
    };
    a.subscribe("echo", {}, () => {
      deepest = Math.max(deepest, ++nested);
      if (inside > 0) deepest = Number.POSITIVE_INFINITY;
      if (++count < 50) guarded(() => a.publish("echo", bytes("")));
      nested--;
    });
    await drained(bus, a);
    guarded(() => a.publish("echo", bytes("")));
    await bus.until(() => count === 50);
    expect(deepest).toBe(1);
  });

  check("what waits is bounded, and what does not fit is dropped and counted", async (bus, expect) => {
    const [a, b] = [await bus.open("a"), await bus.open("b")];
    let small = 0;
    let roomy = 0;
    b.subscribe("flood", { pendingMax: 2 }, () => small++);
    b.subscribe("flood", {}, () => roomy++);
    await drained(bus, b);
    for (let n = 0; n < 2_000; n++) a.publish("flood", bytes("x"));
    await bus.until(() => roomy === 2_000);
    await drained(bus, a, b);
    expect(small >= 2 && small < 2_000, `${small} delivered`).toBe(true);
    expect(b.counters.droppedPending).toBe(2_000 - small);
  });
}

/** Bytes, and whose they are. */
export function payloads(check: Check): void {
  check(
    "receivers own their payload: neither the sender's buffer nor another receiver's shows through",
    async (bus, expect) => {
      const [a, b] = [await bus.open("a"), await bus.open("b")];
      const received = [await listen(bus, a, "own"), await listen(bus, b, "own"), await listen(bus, b, "own")];
      const mine = Buffer.from("precious");
      a.publish("own", mine);
      mine.fill(0);
      await drained(bus, a, b);
      await drained(bus, a);
      const got = received.flat().map(({ payload }) => payload);
      got[0]?.fill(0x21);
      got[1]?.fill(0x22);
      expect(got.map(text)).toEqual(["!!!!!!!!", '""""""""', "precious"]);
      expect(got.every((payload) => Object.getPrototypeOf(payload) === Uint8Array.prototype)).toBe(true);
      expect(got.every((payload) => payload.buffer.byteLength === payload.byteLength)).toBe(true);
    },
  );

  check("any bytes from none to the limit arrive as they were", async (bus, expect) => {
    const [a, b] = [await bus.open("a"), await bus.open("b")];
    const received = await listen(bus, b, "sizes");
    const sent = [0, 1, 255, 4_096, 65_536, 300_000, PAYLOAD_BYTES_MAX].map((size) =>
      Uint8Array.from({ length: size }, (_, at) => (at * 31 + size) & 0xff),
    );
    for (const payload of sent) a.publish("sizes", payload);
    await bus.until(() => received.length === sent.length);
    expect(received.every(({ payload }, at) => Buffer.compare(payload, sent[at] ?? bytes("")) === 0)).toBe(true);
  });
}

/** What is refused. */
export function misuse(check: Check): void {
  check("bad subjects and queue names are refused", async (bus, expect) => {
    const a = await bus.open("a");
    const bad = ["", ".", "a.", ".a", "a..b", "a b", "a\r\nPUB x 0", "ä", "x".repeat(SUBJECT_CHARS_MAX + 1)];
    for (const subject of [...bad, "a.*", "a.>", ">"]) {
      expect(
        codeThrown(() => a.publish(subject, bytes(""))),
        subject,
      ).toBe("bad-subject");
      expect(
        codeThrown(() => a.request(subject, bytes(""), LONG_MS, () => {})),
        subject,
      ).toBe("bad-subject");
    }
    for (const subject of [...bad, "a.>.b", "a*", "*a.b", ">>"])
      expect(
        codeThrown(() => a.subscribe(subject, {}, () => {})),
        subject,
      ).toBe("bad-subject");
    for (const queue of [...bad, "*"])
      expect(
        codeThrown(() => a.subscribe("a", { queue }, () => {})),
        queue,
      ).toBe("bad-subject");
    const received = await listen(bus, a, "good.*");
    a.publish("good.~!$%&(){}", bytes("still works"));
    await bus.until(() => received.length === 1);
  });

  check("too large a payload is refused, in a response too", async (bus, expect) => {
    const [a, b] = [await bus.open("a"), await bus.open("b")];
    const large = new Uint8Array(PAYLOAD_BYTES_MAX + 1);
    const asked = await listen(bus, b, "large");
    expect(codeThrown(() => a.publish("large", large))).toBe("too-large");
    expect(codeThrown(() => a.request("large", large, LONG_MS, () => {}))).toBe("too-large");
    const outcomes = ask(a, "large");
    await bus.until(() => asked.length === 1);
    expect(codeThrown(() => asked[0]?.respond?.(large))).toBe("too-large");
    asked[0]?.respond?.(bytes("small"));
    await bus.until(() => outcomes.length === 1);
    expect(kinds(outcomes)).toEqual(["reply"]);
  });
}
