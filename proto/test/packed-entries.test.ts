import { EntryPacker, eachPacked, ProtoError } from "@halon/proto";
import fc from "fast-check";
import { expect, it } from "vitest";

const entry = fc.tuple(fc.stringMatching(/^[ -~]{1,60}$/), fc.uint8Array({ maxLength: 300 }));

function unpacked(packed: Uint8Array): unknown {
  const found: unknown[] = [];
  eachPacked(packed, (bytes, keyFrom, keyTo, valueTo) =>
    found.push([bytes.toString("latin1", keyFrom, keyTo), [...bytes.subarray(keyTo, valueTo)]]),
  );
  return found;
}

it("packed entries come back, and what is cut short is refused", () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 20 }), fc.nat(400), (entries, cut) => {
      const packer = new EntryPacker();
      for (const [key, value] of entries) packer.add(key, value);
      const packed = packer.finish();
      const inPlace = new EntryPacker(1);
      for (const [key, value] of entries) {
        const bytes = Buffer.concat([Buffer.from(`.${key}`, "latin1"), value, Buffer.from(".")]);
        const keyTo = 1 + key.length;
        if (value.length % 2 === 0) inPlace.addFrom(bytes, 1, keyTo, bytes, keyTo, keyTo + value.length);
        else inPlace.addFrom(bytes, 1, keyTo, Buffer.from(value), 0, value.length);
      }
      expect(Buffer.from(inPlace.finish()).equals(Buffer.from(packed))).toBe(true);
      expect(packed.length).toBe(packer.bytesCount);
      expect(unpacked(packed)).toEqual(entries.map(([key, value]) => [key, [...value]]));
      const short = packed.subarray(0, Math.max(0, packed.length - 1 - cut));
      try {
        expect((unpacked(short) as unknown[]).length).toBeLessThanOrEqual(entries.length);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtoError);
      }
    }),
  );
});
