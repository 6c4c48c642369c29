import type { MemberId, Membership } from "@halon/consensus";
import { DIGEST_EVERY_DEFAULT, type DigestVerdict, DigestWatch } from "./digest-watch.ts";

export interface StateComparisonPorts {
  readonly self: MemberId;
  /** Decrees from one digest to the next. */
  readonly every: number | undefined;
  /** Tells all members. */
  readonly say: (digest: { readonly number: number; readonly digest: string }) => void;
  readonly onVerdict: (verdict: DigestVerdict) => void;
}

/** Exchanges digests of the applied state with the other members, every so many decrees. */
export class StateComparison {
  readonly #ports: StateComparisonPorts;
  readonly #watch: DigestWatch;
  readonly #every: number;
  #counts = { diverged: 0, undecided: 0 };

  constructor(ports: StateComparisonPorts) {
    this.#ports = ports;
    this.#watch = new DigestWatch(ports.self);
    this.#every = ports.every ?? DIGEST_EVERY_DEFAULT;
  }

  get status() {
    return { digest: this.#watch.last, ...this.#counts };
  }

  /** This decree was applied. */
  applied(number: number, state: { readonly digest: string | undefined; readonly membership: Membership | undefined }) {
    if (number % this.#every !== 0) return;
    const { digest, membership } = state;
    if (digest === undefined) return;
    this.#ports.say({ number, digest });
    this.#judge(this.#watch.note(number, digest, membership));
  }

  /** What another member says of its state. */
  hear(from: MemberId, said: { readonly number: number; readonly digest: string }, membership: Membership | undefined) {
    this.#judge(this.#watch.hear(from, said, membership));
  }

  /** The state is about to be replaced. */
  reset(): void {
    this.#watch.reset();
  }

  #judge(verdict: DigestVerdict | undefined): void {
    if (verdict === undefined) return;
    this.#counts[verdict.kind]++;
    this.#ports.onVerdict(verdict);
  }
}
