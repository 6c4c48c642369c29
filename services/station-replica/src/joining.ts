import { isMemberId, type MemberId, memberName } from "@halon/consensus";
import { type Group, isName, type Post, subjectsOf } from "@halon/proto";
import type { Cancel, Clock } from "@halon/runtime";

/** How often it is asked for a group. */
const ASK_MS = 1_000;
const ASK_TIMEOUT_MS = 500;

export interface GroupSearchPorts {
  readonly clock: Clock;
  readonly post: Post;
  /** Once, never from within the constructor: a group that can decide answers. */
  readonly onFound: (group: Group) => void;
}

/**
 * Looks on the bus for the group that a station without a memory belongs to. It is found only while somebody leads it:
 * until then nothing could be decided, and the directory had better stay as it is for those who recover it.
 */
export class GroupSearch {
  readonly #ports: GroupSearchPorts;
  readonly #clusterId: string | undefined;
  #why = "It asks the other stations";
  #isOver = false;
  #cancel: Cancel = () => undefined;

  /** `clusterId`: the only group that will do; `undefined`: the one that answers. */
  constructor(clusterId: string | undefined, ports: GroupSearchPorts) {
    this.#clusterId = clusterId;
    this.#ports = ports;
    this.#ask();
  }

  /** Why it is not found yet, and what to do. */
  get why(): string {
    return this.#why;
  }

  stop(): void {
    this.#isOver = true;
    this.#cancel();
  }

  #ask(): void {
    const { clock, post } = this.#ports;
    this.#cancel = clock.at(clock.nowMs() + ASK_MS, () => this.#ask());
    const body = { kind: "directoryRequest", value: {} } as const;
    post.request(subjectsOf(post.cluster).directory, body, "directory", ASK_TIMEOUT_MS, (outcome) => {
      if (this.#isOver) return;
      const told = outcome.kind === "reply" ? outcome.value : undefined;
      const group = told?.group;
      if (group === undefined || !isName(group.clusterId) || !group.members.every(isMemberId)) {
        this.#why =
          "No other station answers. If the group runs elsewhere, start its stations; if it has never run, found it " +
          "with station-replica init, for all members";
      } else if (this.#clusterId !== undefined && group.clusterId !== this.#clusterId) {
        this.#why = `The stations that answer are of the group with the id ${group.clusterId}, and this one is of ${this.#clusterId}: give another cluster or broker`;
      } else if (told?.leader === "") this.#why = noLeader(group.members);
      else this.#find(group);
    });
  }

  #find(group: Group): void {
    this.stop();
    this.#ports.onFound(group);
  }
}

const noLeader = (members: readonly MemberId[]): string =>
  `The other stations answer, but nobody leads: a majority of ${members.map(memberName).join(", ")} must run with the ` +
  "directories that they had. Until then nothing is decided, and this directory is left as it is. Start the others, and put directories " +
  "back that were moved away; if a majority is lost for good, recover what is left with: halonctl station recover";
