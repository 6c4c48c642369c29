import type { Cancel, Random, RequestOutcome, Subscription, Transport } from "@halon/runtime";
import { decodeMessage, encodeMessage, ProtoError } from "./codec.ts";
import type { Bodies, Body, BodyKind, Header, Variant } from "./messages.ts";

export type PostOutcome<Kind extends BodyKind> =
  | { readonly kind: "reply"; readonly value: Bodies[Kind]; readonly header: Header }
  | Exclude<RequestOutcome, { kind: "reply" }>
  /** There was an answer, of another kind, cluster or version: `why` says which. */
  | { readonly kind: "unreadable"; readonly why: string };

export interface Posted<Kind extends BodyKind> {
  readonly value: Bodies[Kind];
  readonly header: Header;
  readonly respond?: (body: Body) => void;
}

export interface PostOptions {
  readonly cluster: string;
  /** Name of this process: `user-2.node-agent`. */
  readonly sender: string;
}

/** Why messages were dropped, by cause. Cumulative. */
export interface PostCounters {
  readonly undecodable: number;
  readonly foreign: number;
  readonly unexpected: number;
}

/** Typed messages over a {@link Transport}: puts bodies into envelopes and takes them out, counts and drops what does not fit. */
export class Post {
  readonly #transport: Transport;
  readonly #options: PostOptions;
  /** Minted for this life of the process. */
  readonly incarnation: string;
  #sent = 0;
  readonly #counters = { undecodable: 0, foreign: 0, unexpected: 0 };

  constructor(transport: Transport, random: Random, options: PostOptions) {
    this.#transport = transport;
    this.#options = options;
    const word = (): string => random.u32().toString(16).padStart(8, "0");
    this.incarnation = word() + word();
  }

  get counters(): PostCounters {
    return this.#counters;
  }

  get cluster(): string {
    return this.#options.cluster;
  }

  publish(subject: string, body: Body, traceparent = ""): void {
    this.#transport.publish(subject, this.#seal(body, traceparent));
  }

  /** `done` comes exactly once, at the latest after `timeoutMs`; not after cancelling. */
  request<Kind extends BodyKind>(
    subject: string,
    body: Body,
    expected: Kind,
    timeoutMs: number,
    done: (outcome: PostOutcome<Kind>) => void,
  ): Cancel {
    return this.#transport.request(subject, this.#seal(body, ""), timeoutMs, (outcome) => {
      if (outcome.kind !== "reply") return done(outcome);
      const message = this.#open(outcome.payload, expected);
      if (typeof message === "string") done({ kind: "unreadable", why: message });
      else done({ kind: "reply", ...message });
    });
  }

  /** Delivers messages of one kind; others on the subject are counted and dropped. */
  subscribe<Kind extends BodyKind>(
    subject: string,
    kind: Kind,
    deliver: (posted: Posted<Kind>) => void,
    queue?: string,
  ): Subscription {
    return this.#transport.subscribe(subject, queue === undefined ? {} : { queue }, ({ payload, respond }) => {
      const message = this.#open(payload, kind);
      if (typeof message === "string") return;
      if (respond === undefined) deliver(message);
      else deliver({ ...message, respond: (body) => respond(this.#seal(body, message.header.traceparent)) });
    });
  }

  #seal(body: Body, traceparent: string): Uint8Array {
    const { cluster, sender } = this.#options;
    const id = `${this.incarnation}-${++this.#sent}`;
    return encodeMessage({ header: { cluster, sender, incarnation: this.incarnation, id, traceparent }, body });
  }

  /** The message, or why it is none of this kind; that is counted. */
  #open<Kind extends BodyKind>(bytes: Uint8Array, kind: Kind): { value: Bodies[Kind]; header: Header } | string {
    try {
      const { header, body } = decodeMessage(bytes);
      if (header.cluster !== this.cluster) {
        this.#counters.foreign++;
        return `a message of cluster ${header.cluster}: this process is of cluster ${this.cluster}`;
      }
      if (body.kind === kind) return { value: (body as Variant<Pick<Bodies, Kind>>).value as Bodies[Kind], header };
      this.#counters.unexpected++;
      return `a message of kind ${body.kind} where ${kind} is expected`;
    } catch (error) {
      if (!(error instanceof ProtoError)) throw error;
      this.#counters.undecodable++;
      return error.message;
    }
  }
}
