import type { MemberId } from "@halon/consensus";
import { EqTracker } from "@halon/eq-tracker";
import { createStationReplicator } from "@halon/event-queue";
import type { Post } from "@halon/proto";
import type { Cancel, Clock, Random } from "@halon/runtime";

export interface EnlistmentPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly post: Post;
  readonly onRefused: (message: string) => void;
}

/**
 * Asks the group to let this station vote in the place of an earlier incarnation of the same node that is not heard. One
 * request at a time; after a refusal the next call asks again.
 */
export class Enlistment {
  readonly #ports: EnlistmentPorts;
  readonly #self: MemberId;
  #refusal = "";
  #asked: { readonly cancel: Cancel; readonly stop: () => void } | undefined;

  constructor(self: MemberId, ports: EnlistmentPorts) {
    this.#self = self;
    this.#ports = ports;
  }

  /** What the last request came to; empty when it was not refused. */
  get refusal(): string {
    return this.#refusal;
  }

  ask(instead: MemberId): void {
    if (this.#asked !== undefined) return;
    const { clock, random, post, onRefused } = this.#ports;
    const tracker = new EqTracker({ clock, random, post });
    const replicator = createStationReplicator({ clock, random, post, tracker });
    const change = { add: this.#self, remove: instead, onlyIfSilent: true };
    const cancel = replicator.reconfigure(change, (outcome) => {
      this.stop();
      const refusal = outcome.kind === "refused" ? outcome.message : "";
      if (refusal !== "" && refusal !== this.#refusal) onRefused(refusal);
      this.#refusal = refusal;
    });
    this.#asked = {
      cancel,
      stop: () => {
        replicator.stop();
        tracker.stop();
      },
    };
  }

  /** Nothing is asked for any more, until the next `ask`. */
  stop(): void {
    const asked = this.#asked;
    this.#asked = undefined;
    asked?.cancel();
    asked?.stop();
  }
}
