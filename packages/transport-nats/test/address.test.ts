import { expect, it } from "vitest";
import { parseAddress, showAddress } from "../src/address.ts";

it.each([
  ["nats://10.0.0.1:14222", { host: "10.0.0.1", port: 14222 }],
  ["broker", { host: "broker", port: 4222 }],
  ["broker:80", { host: "broker", port: 80 }],
  [" nats://broker/ ", { host: "broker", port: 4222 }],
  ["nats://[::1]:5000", { host: "::1", port: 5000 }],
  ["nats://me:p%40ss@broker", { host: "broker", port: 4222, user: "me", pass: "p@ss" }],
])("%s is understood", (text, address) => {
  expect(parseAddress(text)).toEqual(address);
});

it.each(["", "nats://", "http://broker", "tls://broker", "broker:0", "broker:99999", "broker:x", "nats://broker/path"])(
  "%j is refused, with what to write",
  (text) => {
    expect(() => parseAddress(text)).toThrow(/write nats:\/\/host:port/);
  },
);

it("neither a shown address nor an error tells the password", () => {
  expect(showAddress(parseAddress("nats://me:secret@[::1]"))).toBe("[::1]:4222");
  expect(() => parseAddress("nats://me:secret@broker:x")).toThrow(/nats:\/\/…@broker/);
  expect(() => parseAddress("me:secret@broker:x")).toThrow(/address "…@broker/);
});
