import { randomBytes } from "node:crypto";
import fc from "fast-check";
import type { AuditCheckpoint } from "./audit-checkpoint.js";
import { CheckpointSigner, isSigned } from "./audit-checkpoint.js";
import type { AuditEntry } from "./audit-entry.js";
import { encodeParts, hashEntry, NO_ENTRY } from "./audit-entry.js";
import { AuditFault, AuditVerifier } from "./audit-verifier.js";

const signer = new CheckpointSigner(randomBytes(32));
const TENANT = "acme";
const LENGTH_MAX = 12;

interface Log {
  readonly entries: readonly AuditEntry[];
  readonly checkpoints: readonly AuditCheckpoint[];
  readonly head: { readonly sequence: number; readonly hash: string };
}

/** Every third entry is signed. */
function write(length: number, actor = "ann"): Log {
  const entries: AuditEntry[] = [];
  for (let sequence = 1; sequence <= length; sequence += 1) {
    const event = {
      eventId: `e${sequence}`,
      tenant: TENANT,
      actor,
      actorKind: "client" as const,
      action: "list-changed",
      subjectKind: "list",
      subjectId: "deny",
      details: `{"n":${sequence}}`,
      atMs: sequence,
      source: "control",
    };
    entries.push({ ...event, sequence, hash: hashEntry(entries.at(-1)?.hash ?? NO_ENTRY, sequence, event) });
  }
  const checkpoints = entries
    .filter(({ sequence }) => sequence % 3 === 0)
    .map(({ sequence, hash }) => signer.sign({ tenant: TENANT, sequence, hash, signedAtMs: 1_000 }));
  return { entries, checkpoints, head: { sequence: length, hash: entries.at(-1)?.hash ?? NO_ENTRY } };
}

function verify(entries: readonly AuditEntry[], { checkpoints, head }: Pick<Log, "checkpoints"> & Partial<Log>) {
  const verifier = new AuditVerifier({ tenant: TENANT, checkpoints, keys: [signer.key] });
  for (const entry of entries) verifier.add(entry);
  return verifier.end(head);
}

function faultOf(entries: readonly AuditEntry[], log: Pick<Log, "checkpoints"> & Partial<Log>): AuditFault {
  try {
    verify(entries, log);
  } catch (error) {
    if (error instanceof AuditFault) return error;
    throw error;
  }
  throw new Error("nothing was found");
}

const lengths = fc.integer({ min: 2, max: LENGTH_MAX });
const texts = ["eventId", "actor", "action", "subjectKind", "subjectId", "details", "source", "hash"] as const;

test("an unchanged log is intact, up to its newest signature", () => {
  const log = write(7);
  expect(verify(log.entries, log)).toMatchObject({ entries: 7, signed: { sequence: 6, keyId: signer.key.keyId } });
});

test("detects any changed field at its entry", () => {
  fc.assert(
    fc.property(
      lengths,
      fc.nat(),
      fc.constantFrom(...texts, "atMs" as const),
      fc.string(),
      (length, at, field, text) => {
        const log = write(length);
        const index = at % length;
        const entries = log.entries.map((entry, place) => {
          if (place !== index) return entry;
          return {
            ...entry,
            ...(field === "atMs" ? { atMs: entry.atMs + 1 } : { [field]: `${entry[field]}${text}x` }),
          };
        });
        expect(faultOf(entries, log).sequence).toBe(index + 1);
      },
    ),
  );
});

test("detects a change with a matching hash at the next entry, or by the head", () => {
  fc.assert(
    fc.property(lengths, fc.nat(), (length, at) => {
      const { entries, head } = write(length);
      const index = at % length;
      const changed = { ...(entries[index] as AuditEntry), actor: "eve" };
      const hash = hashEntry(entries[index - 1]?.hash ?? NO_ENTRY, index + 1, changed);
      const fault = faultOf(entries.with(index, { ...changed, hash }), { checkpoints: [], head });
      expect(fault.sequence).toBe(Math.min(index + 2, length));
    }),
  );
});

test("detects any removed entry", () => {
  fc.assert(
    fc.property(lengths, fc.nat(), (length, at) => {
      const log = write(length);
      const index = at % length;
      const fault = faultOf(log.entries.toSpliced(index, 1), log);
      expect(fault.sequence).toBe(index + 1);
      expect(fault.message).toContain(`ntry ${index + 1} is missing`);
    }),
  );
});

test("detects two swapped entries at the first of them", () => {
  fc.assert(
    fc.property(lengths, fc.nat(), fc.nat(), (length, a, b) => {
      const log = write(length);
      const [first, second] = [a % length, b % length].toSorted((left, right) => left - right) as [number, number];
      fc.pre(first !== second);
      const [one, other] = [log.entries[first], log.entries[second]] as [AuditEntry, AuditEntry];
      const moved = log.entries.with(first, other).with(second, one);
      expect(faultOf(moved, log).sequence).toBe(first + 1);
      // Renumbers the entries.
      const renumbered = moved.map((entry, index) => ({ ...entry, sequence: index + 1 }));
      expect(faultOf(renumbered, log).sequence).toBe(first + 1);
    }),
  );
});

test("detects a truncated log by its head, or by a stored signature", () => {
  fc.assert(
    fc.property(lengths, fc.nat(), (length, at) => {
      const log = write(length);
      const kept = at % length;
      expect(faultOf(log.entries.slice(0, kept), log).message).toMatch(/^The log is truncated: /);
      const signed = log.checkpoints.at(-1)?.sequence ?? 0;
      if (kept < signed) {
        expect(faultOf(log.entries.slice(0, kept), { checkpoints: log.checkpoints }).sequence).toBe(kept + 1);
      }
    }),
  );
});

test("detects a rewritten log with matching hashes by the old signatures", () => {
  const { checkpoints } = write(7);
  const forged = write(7, "eve");
  expect(faultOf(forged.entries, { ...forged, checkpoints })).toMatchObject({
    sequence: 1,
    message: "Entries 1 to 3 were rewritten: they differ from those signed at 1970-01-01T00:00:01.000Z.",
  });
});

test("a checkpoint is valid only with a trusted key's signature over its whole content", () => {
  const log = write(3);
  const [checkpoint] = log.checkpoints as [AuditCheckpoint];
  const other = new CheckpointSigner(randomBytes(32));
  const forgeries: AuditCheckpoint[] = [
    other.sign(checkpoint),
    { ...other.sign(checkpoint), keyId: signer.key.keyId },
    { ...checkpoint, signedAtMs: checkpoint.signedAtMs + 1 },
    { ...checkpoint, hash: NO_ENTRY },
    { ...checkpoint, sequence: 2 },
  ];
  for (const forged of forgeries) {
    expect(faultOf(log.entries, { ...log, checkpoints: [forged] }).message).toContain("no valid signature");
  }
  expect(isSigned(other.sign(checkpoint), { ...other.key, keyId: signer.key.keyId })).toBe(false);
});

test("detects an entry of a different tenant", () => {
  const log = write(3);
  const other = { ...(log.entries[1] as AuditEntry), tenant: "other" };
  expect(faultOf(log.entries.with(1, other), log)).toMatchObject({ sequence: 2 });
});

test("moving a character between parts changes the bytes", () => {
  const texts = fc.string({ minLength: 1, unit: "grapheme" });
  fc.assert(
    fc.property(texts, texts, (left, right) => {
      const moved = [left + right[0], right.slice(1)];
      expect(encodeParts(moved).equals(encodeParts([left, right]))).toBe(false);
    }),
  );
});
