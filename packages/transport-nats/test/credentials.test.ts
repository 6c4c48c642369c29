import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TransportError } from "@halon/runtime";
import fc from "fast-check";
import { nkeys } from "nats";
import { describe, expect, it } from "vitest";
import { CREDENTIALS_BYTES_MAX, parseCredentials, readCredentials } from "../src/credentials.ts";

const NOW_MS = 1_700_000_000_000;
const SEED = Buffer.from(nkeys.createUser().getSeed()).toString();
const ACCOUNT_SEED = Buffer.from(nkeys.createAccount().getSeed()).toString();

const jwtOf = (claims: object): string => `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.c2ln`;
const USER = jwtOf({ nats: { type: "user" } });
const block = (name: string, body: string): string => `-----BEGIN ${name}-----\n${body}\n------END ${name}------\n`;
const textOf = (jwt: string, seed = SEED): string =>
  `${block("NATS USER JWT", jwt)}\n*** IMPORTANT ***\n${block("USER NKEY SEED", seed)}`;
const parse = (text: string) => parseCredentials(text, "file", NOW_MS);

describe("credentials", () => {
  it("are the token and the seed of a file as nsc writes it, whatever ends its lines", () => {
    for (const text of [textOf(USER), textOf(USER).replaceAll("\n", "\r\n")])
      expect(parse(text)).toEqual({ jwt: USER, seed: SEED });
  });

  it("that run out later are taken", () => {
    const jwt = jwtOf({ exp: NOW_MS / 1_000 + 1, nats: { type: "user" } });
    expect(parse(textOf(jwt)).jwt).toBe(jwt);
  });

  it("agree with the library about every seed there is, and every one that is damaged", () => {
    const kinds = [nkeys.createUser, nkeys.createAccount, nkeys.createOperator];
    fc.assert(
      fc.property(
        fc.constantFrom(...kinds),
        fc.option(fc.tuple(fc.nat(57), fc.constantFrom("A", "Z", "2", "7"))),
        (create, damage) => {
          let seed = Buffer.from(create().getSeed()).toString();
          if (damage !== null) seed = seed.slice(0, damage[0]) + damage[1] + seed.slice(damage[0] + 1);
          let isUser = false;
          try {
            isUser = nkeys.fromSeed(Buffer.from(seed)).getPublicKey().startsWith("U");
          } catch {
            // Damaged.
          }
          if (isUser) expect(parse(textOf(USER, seed)).seed).toBe(seed);
          else expect(() => parse(textOf(USER, seed))).toThrow(TransportError);
        },
      ),
      { numRuns: 200 },
    );
  });

  it.each([
    ["nothing", "", /no block "NATS USER JWT"/],
    ["no seed", block("NATS USER JWT", USER), /no block "USER NKEY SEED"/],
    ["an end that is missing", textOf(USER).replace("------END NATS USER JWT------", ""), /no block "NATS USER JWT"/],
    ["no token", textOf("abc"), /is no token/],
    ["a token that cannot be read", textOf("e30.!!!.c2ln"), /is no token/],
    ["an account's token", textOf(jwtOf({ nats: { type: "account" } })), /that of account, not of a user/],
    [
      "a token that has run out",
      textOf(jwtOf({ exp: 1_600_000_000, nats: { type: "user" } })),
      /ran out at 2020-09-13/,
    ],
    ["an account's seed", textOf(USER, ACCOUNT_SEED), /no seed of a user/],
    ["half a seed", textOf(USER, SEED.slice(0, 30)), /no seed of a user/],
  ])("with %s are refused, with what to do, and without what is in them", (_, text, why) => {
    expect(() => parse(text)).toThrow(why);
    expect(() => parse(text)).toThrow(/nsc generate creds/);
    try {
      parse(text);
    } catch (error) {
      expect((error as Error).message).not.toContain(SEED);
      expect((error as TransportError).code).toBe("bad-credentials");
    }
  });

  it("a file that is not there, is none or is too large cannot be read", () => {
    const dir = mkdtempSync(join(tmpdir(), "halon-creds-"));
    const large = join(dir, "large.creds");
    writeFileSync(large, "x".repeat(CREDENTIALS_BYTES_MAX + 1));
    expect(() => readCredentials(join(dir, "gone"), NOW_MS)).toThrow(/cannot be read .*ENOENT.*give a readable one/);
    expect(() => readCredentials(dir, NOW_MS)).toThrow(/cannot be read .*EISDIR/);
    expect(() => readCredentials(large, NOW_MS)).toThrow(/has 65537 bytes/);
    rmSync(dir, { recursive: true });
  });
});
