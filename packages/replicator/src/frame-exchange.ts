import { type MemberId, memberName } from "@halon/consensus";
import type { FrameBody } from "./frame.ts";
import { decodeFrame, encodeFrame, FrameCodecError } from "./frame-codec.ts";

export interface FrameExchangePorts {
  readonly self: MemberId;
  readonly send: (to: MemberId | "all", bytes: Uint8Array) => void;
  readonly hear: (from: MemberId, body: FrameBody) => void;
}

/** Signs what this member says, and lets through what others have signed with the name that the transport vouches for. */
export class FrameExchange {
  readonly #ports: FrameExchangePorts;
  #refused = 0;

  constructor(ports: FrameExchangePorts) {
    this.#ports = ports;
  }

  /** Frames that could not be read, or were signed by another than their sender. */
  get refused(): number {
    return this.#refused;
  }

  say(to: MemberId | "all", body: FrameBody): void {
    this.#ports.send(to, encodeFrame({ from: this.#ports.self, body }));
  }

  receive(sender: string, bytes: Uint8Array): void {
    try {
      const { from, body } = decodeFrame(bytes);
      if (memberName(from) !== memberName(sender)) this.#refused++;
      // What was said to all comes back.
      else if (from !== this.#ports.self) this.#ports.hear(from, body);
    } catch (error) {
      if (!(error instanceof FrameCodecError)) throw error;
      this.#refused++;
    }
  }
}
