import type { MemberId } from "@halon/consensus";
import { compareBallotTexts } from "./ballots.ts";
import { type MemberStep, WatchedInvariant } from "./watched.ts";

export class ExclusiveLease extends WatchedInvariant {
  readonly name = "exclusive-lease";
  readonly citation = "Gray and Cheriton, Leases (1989), §2; design §4";
  readonly says = "at no instant of true time do two members, of whatever legislatures, hold a valid lease";
  /** The latest reign that was seen with a lease. */
  #latest: Reign | undefined;

  /**
   * Leases of one reign have no other reign's of their legislature between them, as both need a quorum of which one has
   * promised the higher ballot; and a legislature begins when the one before has ended. So two leases overlap exactly if an
   * earlier reign is still seen with one after a later was.
   */
  override onStep({ member, status }: MemberStep): void {
    if (!status.leased) return;
    const reign = { member, legislature: status.membership?.legislature ?? 0, ballot: status.ballot };
    const latest = this.#latest;
    this.expect(
      latest === undefined || !isBefore(reign, latest),
      () => `${describe(reign)} holds a lease after ${latest && describe(latest)} has held one`,
    );
    this.#latest = reign;
  }
}

interface Reign {
  readonly member: MemberId;
  readonly legislature: number;
  readonly ballot: string;
}

const isBefore = (a: Reign, b: Reign): boolean =>
  a.legislature < b.legislature || (a.legislature === b.legislature && compareBallotTexts(a.ballot, b.ballot) < 0);

const describe = ({ member, legislature, ballot }: Reign): string => `${member} in ballot ${ballot} of ${legislature}`;
