import { TransportError } from "@halon/runtime";

/** Where one NATS server is. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  readonly user?: string;
  readonly pass?: string;
}

const PORT_DEFAULT = 4222;

/** Reads `nats://[user:pass@]host[:port]`; the scheme may be left out. Throws `bad-address`. */
export function parseAddress(text: string): ServerAddress {
  const [, scheme, rest] = /^(?:([a-z]+):\/\/)?(.*)$/i.exec(text.trim()) ?? [];
  // A scheme that the URL standard knows has a default port of its own, which would be cut off silently.
  const url = scheme === undefined || scheme === "nats" ? parseUrl(`nats://${rest}`) : undefined;
  if (url === undefined || url.hostname === "" || !["", "/"].includes(url.pathname) || url.port === "0")
    throw new TransportError(
      "bad-address",
      `server address ${JSON.stringify(text.replace(/^(.*\/\/)?.*@/, "$1…@"))}: write nats://host:port`,
    );
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? PORT_DEFAULT : Number(url.port),
    ...(url.username === "" ? {} : { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) }),
  };
}

/** Host and port, for people; never the password. */
export const showAddress = ({ host, port }: ServerAddress): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;

function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
