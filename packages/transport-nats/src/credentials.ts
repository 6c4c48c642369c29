import { readFileSync, statSync } from "node:fs";
import { TransportError } from "@halon/runtime";

/** What a user of NATS shows: a token that says who it is, and the seed of the key that it proves that with. */
export interface Credentials {
  readonly jwt: string;
  readonly seed: string;
}

/** A file of credentials has about 1 KiB. */
export const CREDENTIALS_BYTES_MAX = 64 * 1024;

const BLOCK = /^-{3,}BEGIN (.+?)-{3,}\s*$([\s\S]*?)^-{3,}END \1-{3,}\s*$/gm;
const JWT = "NATS USER JWT";
const SEED = "USER NKEY SEED";
const REMEDY = "have one made by `nsc generate creds`, or by who runs the NATS servers";

/**
 * Reads a `.creds` file and looks whether it can be what it should: a user's token, not run out, and the seed that belongs to it.
 * Throws `bad-credentials`, with what to do; never with what is in the file.
 */
export function readCredentials(path: string, nowMs: number): Credentials {
  return parseCredentials(readText(path), `credentials file ${path}`, nowMs);
}

/** The same of the file's text; `what` names it in errors. */
export function parseCredentials(text: string, what: string, nowMs: number): Credentials {
  const blocks = new Map([...text.matchAll(BLOCK)].map(([, name = "", body = ""]) => [name, body.trim()]));
  const [jwt, seed] = [blocks.get(JWT), blocks.get(SEED)];
  const refuse = (why: string): never => {
    throw new TransportError("bad-credentials", `${what}: ${why}: ${REMEDY}`);
  };
  if (jwt === undefined) return refuse(`no block "${JWT}" in it`);
  if (seed === undefined) return refuse(`no block "${SEED}" in it`);
  const claims = claimsOf(jwt) ?? refuse(`what stands in "${JWT}" is no token`);
  if (claims.type !== "user") refuse(`its token is that of ${claims.type ?? "nobody"}, not of a user`);
  if (claims.expiresAtMs !== undefined && claims.expiresAtMs <= nowMs)
    refuse(`its token ran out at ${new Date(claims.expiresAtMs).toISOString()}`);
  if (!isUserSeed(seed)) refuse(`what stands in "${SEED}" is no seed of a user, or is damaged`);
  return { jwt, seed };
}

function readText(path: string): string {
  try {
    const { size } = statSync(path);
    if (size <= CREDENTIALS_BYTES_MAX) return readFileSync(path, "utf8");
    throw new Error(`has ${size} bytes, which no such file has`);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TransportError(
      "bad-credentials",
      `credentials file ${path} cannot be read (${why}): give a readable one`,
    );
  }
}

interface Claims {
  readonly type: string | undefined;
  readonly expiresAtMs: number | undefined;
}

/** What a token says of itself; whether it is true the server knows. */
function claimsOf(jwt: string): Claims | undefined {
  const [header, payload, signature, ...more] = jwt.split(".");
  if (!header || !payload || !signature || more.length > 0) return undefined;
  try {
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as {
      readonly exp?: unknown;
      readonly nats?: { readonly type?: unknown };
    };
    const type = typeof claims.nats?.type === "string" ? claims.nats.type : undefined;
    return { type, expiresAtMs: typeof claims.exp === "number" && claims.exp > 0 ? claims.exp * 1_000 : undefined };
  } catch {
    return undefined;
  }
}

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/** Two bytes of prefix, 32 of seed, two of checksum. */
const SEED_BYTES = 36;
const CHECKSUM_BYTES = 2;

/** `SU`, base32, and the checksum at its end is right. */
function isUserSeed(seed: string): boolean {
  if (!/^SU[A-Z2-7]{56}$/.test(seed)) return false;
  const bytes: number[] = [];
  let [bits, value] = [0, 0];
  for (const character of seed) {
    value = ((value << 5) | BASE32.indexOf(character)) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((value >> bits) & 0xff);
  }
  const [low = 0, high = 0] = bytes.slice(SEED_BYTES - CHECKSUM_BYTES);
  return bytes.length === SEED_BYTES && crc16(bytes.slice(0, SEED_BYTES - CHECKSUM_BYTES)) === (low | (high << 8));
}

/** CRC-16/XMODEM. */
function crc16(bytes: readonly number[]): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? (crc << 1) & 0xffff : ((crc << 1) ^ 0x1021) & 0xffff;
  }
  return crc;
}
