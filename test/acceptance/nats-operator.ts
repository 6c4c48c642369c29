import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { nkeys } from "nats";

type KeyPair = ReturnType<typeof nkeys.createUser>;

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A token of NATS, signed by `issuer`. */
function token(issuer: KeyPair, subject: KeyPair, name: string, nats: object, exp?: number): string {
  const claims = {
    ...{ jti: name, iat: 1_700_000_000, iss: issuer.getPublicKey(), name, sub: subject.getPublicKey() },
    ...(exp !== undefined && { exp }),
    nats: { version: 2, ...nats },
  };
  const signed = `${part({ typ: "JWT", alg: "ed25519-nkey" })}.${part(claims)}`;
  return `${signed}.${Buffer.from(issuer.sign(Buffer.from(signed))).toString("base64url")}`;
}

/** Who issues credentials for one nats-server, as `nsc` would. */
export class NatsOperator {
  readonly #operator = nkeys.createOperator();
  readonly #account = nkeys.createAccount();
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Writes the configuration of a server that takes this operator's users only. Returns its path. */
  configure(): string {
    const operator = token(this.#operator, this.#operator, "operator", { type: "operator" });
    const limits = { subs: -1, conn: -1, leaf: -1, imports: -1, exports: -1, data: -1, payload: -1, wildcards: true };
    const account = token(this.#operator, this.#account, "account", { type: "account", limits });
    const path = join(this.#dir, "nats.conf");
    const preload = `resolver_preload: { ${this.#account.getPublicKey()}: ${account} }`;
    writeFileSync(path, `operator: ${operator}\nresolver: MEMORY\n${preload}\n`);
    return path;
  }

  /** Writes a credentials file; `allowed`: subjects, all when left out. Returns its path. */
  issue(name: string, { expiresAt, allowed }: { expiresAt?: number; allowed?: readonly string[] } = {}): string {
    const user = nkeys.createUser();
    const permissions = allowed && {
      pub: { allow: [...allowed, "_INBOX.>"] },
      sub: { allow: [...allowed, "_INBOX.>"] },
    };
    const nats = { type: "user", subs: -1, data: -1, payload: -1, ...permissions };
    const jwt = token(this.#account, user, name, nats, expiresAt);
    const path = join(this.#dir, `${name}.creds`);
    writeFileSync(path, credentialsText(jwt, Buffer.from(user.getSeed()).toString()));
    return path;
  }
}

/** As `nsc` writes it. */
const credentialsText = (jwt: string, seed: string): string => `-----BEGIN NATS USER JWT-----
${jwt}
------END NATS USER JWT------

************************* IMPORTANT *************************
NKEY Seed printed below can be used to sign and prove identity.
NKEYs are sensitive and should be treated as secrets.

-----BEGIN USER NKEY SEED-----
${seed}
------END USER NKEY SEED------

*************************************************************
`;
