import type { AuditEvent } from "../generated/tripline/events/v1/events.js";
import type { AuditCheckpoint, AuditKey } from "./audit-checkpoint.js";
import { isSigned } from "./audit-checkpoint.js";
import { hashEntry, NO_ENTRY } from "./audit-entry.js";

/** One sentence that describes the fault and its position. */
export class AuditFault extends Error {
  override readonly name = "AuditFault";

  /** @param sequence number of the first affected entry */
  constructor(
    readonly sequence: number,
    sentence: string,
  ) {
    super(sentence);
  }
}

/** An entry as read from the log; its content is not trusted. */
export interface ReadEntry extends AuditEvent {
  readonly sequence: number;
  readonly hash: string;
}

/** The newest signature in an intact log. */
export type SignedUpTo = Pick<AuditCheckpoint, "sequence" | "keyId" | "signedAtMs">;

export interface VerifierOptions {
  readonly tenant: string;
  /** In any order. May include copies that are stored elsewhere. */
  readonly checkpoints: readonly AuditCheckpoint[];
  /** Trusted keys. */
  readonly keys: readonly AuditKey[];
  /** The last verified entry; verification continues after it. Default: start at the first entry. */
  readonly from?: { readonly sequence: number; readonly hash: string };
}

/** Verifies the log of one tenant, entry by entry, and finds the first modified entry. */
export class AuditVerifier {
  #sequence: number;
  #hash: string;
  readonly #tenant: string;
  readonly #bySequence: ReadonlyMap<number, readonly AuditCheckpoint[]>;
  readonly #last: AuditCheckpoint | undefined;
  #signed: SignedUpTo | undefined;

  /** @throws AuditFault for a checkpoint that has no valid signature by a trusted key */
  constructor({ tenant, checkpoints, keys, from = { sequence: 0, hash: NO_ENTRY } }: VerifierOptions) {
    const own = checkpoints.filter((checkpoint) => checkpoint.tenant === tenant);
    for (const checkpoint of own) requireSignature(checkpoint, keys);
    this.#tenant = tenant;
    this.#sequence = from.sequence;
    this.#hash = from.hash;
    this.#bySequence = Map.groupBy(own, ({ sequence }) => sequence);
    this.#last = own.toSorted((left, right) => left.sequence - right.sequence).at(-1);
  }

  /** @throws AuditFault if the entry was modified or does not follow the previous one */
  add(entry: ReadEntry): void {
    const { sequence, tenant } = entry;
    const expected = this.#sequence + 1;
    if (sequence > expected) throw new AuditFault(expected, missing(expected, sequence - 1));
    if (sequence < expected) {
      throw new AuditFault(expected, `Entry ${sequence} is in the position of entry ${expected}.`);
    }
    if (tenant !== this.#tenant) throw new AuditFault(sequence, `Entry ${sequence} belongs to another tenant.`);
    if (hashEntry(this.#hash, sequence, entry) !== entry.hash) {
      throw new AuditFault(
        sequence,
        `Entry ${sequence} was changed, or does not follow entry ${this.#sequence}: its hash does not match its content.`,
      );
    }
    const checkpoints = this.#bySequence.get(sequence) ?? [];
    for (const checkpoint of checkpoints) this.#compare(checkpoint, entry.hash);
    this.#signed = checkpoints.at(-1) ?? this.#signed;
    this.#sequence = sequence;
    this.#hash = entry.hash;
  }

  /**
   * Call this after the last entry.
   *
   * @param head the last entry according to the log, if known
   * @returns the number of intact entries, and the newest signature
   * @throws AuditFault if entries at the end are missing
   */
  end(head?: { readonly sequence: number; readonly hash: string }): {
    entries: number;
    signed: SignedUpTo | undefined;
  } {
    const [sequence, hash] = [this.#sequence, this.#hash];
    const last = Math.max(this.#last?.sequence ?? 0, head?.sequence ?? 0);
    if (last > sequence) throw new AuditFault(sequence + 1, `The log is truncated: ${missing(sequence + 1, last)}`);
    if (head !== undefined && (head.sequence !== sequence || head.hash !== hash)) {
      throw new AuditFault(sequence, `The log ends with entry ${sequence}, which is not the last entry written.`);
    }
    return { entries: sequence, signed: this.#signed };
  }

  #compare(checkpoint: AuditCheckpoint, hash: string): void {
    const { sequence, signedAtMs } = checkpoint;
    if (checkpoint.hash === hash) return;
    const from = (this.#signed?.sequence ?? 0) + 1;
    throw new AuditFault(
      from,
      `Entries ${from} to ${sequence} were rewritten: they differ from those signed at ${new Date(signedAtMs).toISOString()}.`,
    );
  }
}

function requireSignature(checkpoint: AuditCheckpoint, keys: readonly AuditKey[]): void {
  if (keys.some((key) => isSigned(checkpoint, key))) return;
  const { sequence, keyId } = checkpoint;
  throw new AuditFault(sequence, `The checkpoint at entry ${sequence} has no valid signature by key ${keyId}.`);
}

function missing(from: number, to: number): string {
  return from === to ? `Entry ${from} is missing.` : `Entries ${from} to ${to} are missing.`;
}
