/** How an event ends for its submitter. */
export type PromulgateOutcome =
  | { readonly kind: "stored" }
  /** Final. */
  | { readonly kind: "refused"; readonly message: string }
  /** Too much is waiting here: nothing was sent. */
  | { readonly kind: "full" }
  /** The queue has forgotten this producer: whether the event was stored is not known, and never will be. */
  | { readonly kind: "unknown"; readonly code: "ProducerForgotten"; readonly message: string };

/**
 * What was said of `count` events that follow each other (1 when absent): `stored`, `duplicate` and `merged` are durable;
 * `refused` is final; `forgotten`: the queue does not know the producer; others are retried.
 */
export interface EventOutcome {
  readonly kind: string;
  readonly message: string;
  readonly count?: number;
}
