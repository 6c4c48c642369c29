import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { type FileJournal, type Finding, inspectJournal, openJournalFile } from "@halon/journal-file";
import {
  describeWitness,
  FENCE_ROUND,
  PaxosCodecError,
  readWitness,
  type StoredRecord,
  type Witness,
} from "@halon/paxos";
import type { Journal } from "@halon/runtime";
import { formatOwner, JOURNAL_DIR, type Owner, parseOwner } from "./identity-file.ts";
import { OfflineError } from "./offline-error.ts";

/** Bytes of all journals that are read at once: what they hold is kept in memory. */
const JOURNALS_BYTES_MAX = 4 * 1024 * 1024 * 1024;
/** Bytes appended before they are made durable. */
const APPEND_BYTES = 16 * 1024 * 1024;

/** The directory of a station that does not run, as it was when it was read. */
export interface StationDirectory {
  readonly dir: string;
  readonly journalDir: string;
  readonly owner: Owner;
  readonly witness: Witness;
  /** Of the last record that was read. */
  readonly lastSeq: number;
  readonly bytesCount: number;
  /** What is wrong with the journal: it was read up to there. */
  readonly findings: readonly Finding[];
}

/** Where the journal is: in a station's directory, or here. */
export function journalDirOf(dir: string): string {
  const inside = join(dir, JOURNAL_DIR);
  return existsSync(inside) ? inside : dir;
}

/**
 * Reads the directories of stations of one group, and changes nothing. Throws {@link OfflineError} when they do not belong
 * together, or JournalError (`missing`, `in-use`, `io`).
 */
export async function readStations(dirs: readonly string[]): Promise<readonly StationDirectory[]> {
  const stations: StationDirectory[] = [];
  let bytesLeft = JOURNALS_BYTES_MAX;
  for (const dir of dirs) {
    const station = await readStation(dir, bytesLeft);
    bytesLeft -= station.bytesCount;
    for (const other of stations) assertTogether(station, other);
    stations.push(station);
  }
  return stations;
}

async function readStation(dir: string, bytesMax: number): Promise<StationDirectory> {
  const journalDir = journalDirOf(dir);
  const records: StoredRecord[] = [];
  let bytes = 0;
  // What comes after a damage cannot be relied on: a decree may have been accepted again in the part that is lost.
  const visit = (record: StoredRecord): void => {
    bytes += record.bytes.byteLength;
    if (bytes > bytesMax)
      throw new OfflineError(
        `${journalDir}: the journals together hold more than ${JOURNALS_BYTES_MAX} bytes, and all of it would be kept in memory: name fewer directories`,
      );
    const last = records.at(-1);
    if (last === undefined || record.seq === last.seq + 1) records.push(record);
  };
  const { identity = "", startSeq, findings } = await inspectJournal(journalDir, { visit });
  const owner = parseOwner(identity);
  if (owner === undefined)
    throw new OfflineError(
      `${journalDir}: ${identity === "" ? "nothing that can be read says whose it is" : `it belongs to ${identity}, which is no station`}: look at it with halonctl log verify --dir ${dir}`,
    );
  if (records[0]?.seq !== startSeq) records.length = 0;
  const lastSeq = records.at(-1)?.seq ?? (startSeq ?? 1) - 1;
  return {
    dir,
    journalDir,
    owner,
    witness: witnessOf(journalDir, owner, records),
    lastSeq,
    bytesCount: bytes,
    findings,
  };
}

function witnessOf(journalDir: string, { member }: Owner, records: readonly StoredRecord[]): Witness {
  try {
    return readWitness(member, records);
  } catch (error) {
    if (!(error instanceof PaxosCodecError)) throw error;
    throw new OfflineError(
      `${journalDir}: it holds a record that this version cannot read (${error.message}): use the halonctl of the version that wrote it`,
    );
  }
}

function assertTogether(one: StationDirectory, other: StationDirectory): void {
  if (realpathSync(one.dir) === realpathSync(other.dir)) throw new OfflineError(`${one.dir} is named twice`);
  const [group, otherGroup] = [one, other].map(({ owner }) => `${owner.cluster} (${owner.clusterId})`);
  if (group !== otherGroup)
    throw new OfflineError(
      `${one.dir} belongs to the group ${group}, and ${other.dir} to ${otherGroup}: name directories of one group`,
    );
  if (one.owner.member === other.owner.member)
    throw new OfflineError(
      `${one.dir} and ${other.dir} both belong to ${one.owner.member}: one of them is a copy. Name only the one with which the station ran last`,
    );
}

/** Throws {@link OfflineError} for a journal that is damaged: what it does not tell may be what matters. */
export function assertWhole({ dir, findings }: StationDirectory): void {
  const damage = findings.find(({ severity }) => severity !== "torn");
  if (damage === undefined) return;
  throw new OfflineError(
    `${damage.file}: offset ${damage.offset}: ${damage.what}. What this station has promised is not known for certain: ` +
      `leave ${dir} out (halonctl log verify --dir ${dir} tells more)`,
  );
}

/** For people: one line of what the directory tells. */
export const describeStation = (station: StationDirectory): string =>
  describeWitness(station.witness) +
  (isFenced(station) ? ", FENCED by a recovery" : "") +
  (station.findings.length === 0 ? "" : `, ${damageOf(station.findings)}`);

/** A recovery has ended its group: it decides nothing any more. */
export const isFenced = ({ witness }: StationDirectory): boolean => witness.promised.round >= FENCE_ROUND;

const damageOf = (findings: readonly Finding[]): string =>
  findings.every(({ severity }) => severity === "torn")
    ? "last record incomplete"
    : "DAMAGED: read up to the damage only";

/**
 * Takes the directory for this process alone, until the journal is closed. Throws {@link OfflineError} when it is no longer as
 * it was read, or JournalError.
 */
export async function claimStation({ dir, journalDir, owner, lastSeq }: StationDirectory): Promise<FileJournal> {
  const journal = await openJournalFile({ dir: journalDir, identity: formatOwner(owner), mode: "existing" });
  if (journal.writtenSeq === lastSeq) return journal;
  await journal.close();
  throw new OfflineError(
    `${dir} has changed while it was looked at: make sure that its station is off, and do it again`,
  );
}

/** Resolves when all records are durable; rejects with a JournalError. */
export async function appendDurably(journal: Journal, records: Iterable<Uint8Array>): Promise<void> {
  let bytes = 0;
  for (const record of records) {
    journal.append(record);
    bytes += record.byteLength;
    if (bytes < APPEND_BYTES) continue;
    await flushed(journal);
    bytes = 0;
  }
  await flushed(journal);
}

const flushed = (journal: Journal): Promise<void> =>
  new Promise((resolve, reject) => {
    const { writtenSeq } = journal;
    if (journal.durableSeq >= writtenSeq) return resolve();
    journal.onFailure(reject);
    journal.onDurable((seq) => seq >= writtenSeq && resolve());
    journal.flush();
  });
