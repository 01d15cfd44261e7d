import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { AuditCheckpoint, AuditKey } from "@tripline/contracts/audit/audit-checkpoint";
import { auditCheckpoint, auditKey } from "@tripline/contracts/audit/audit-checkpoint";
import type { ReadEntry } from "@tripline/contracts/audit/audit-verifier";
import type { ControlClient } from "@tripline/system/client/control-client";
import { z } from "zod";

const PAGE = 1_000;

const count = z.int().min(0);
/** Accepts any text, so that verification can report invalid entries. */
const readEntry = z.object({
  sequence: count,
  eventId: z.string(),
  tenant: z.string(),
  actor: z.string(),
  actorKind: z.string(),
  action: z.string(),
  subjectKind: z.string(),
  subjectId: z.string(),
  details: z.string(),
  atMs: count,
  source: z.string(),
  hash: z.string(),
}) satisfies z.ZodType<ReadEntry>;
const head = z.object({ sequence: z.number(), hash: z.string().nullable() });
const logPage = z.object({ tenant: z.string(), head, entries: z.array(readEntry) });
const checkpointPage = z.object({ checkpoints: z.array(auditCheckpoint), keys: z.array(auditKey) });

const line = z.union([
  z.object({ tenant: z.string(), head }),
  z.object({ key: auditKey }),
  z.object({ checkpoint: auditCheckpoint }),
  z.object({ entry: readEntry }),
]);

/** A tenant's audit log with all of its proofs. */
export interface ExportedLog {
  readonly tenant: string;
  /** Its last entry, as reported by the log itself. */
  readonly head: z.infer<typeof head>;
  readonly keys: readonly AuditKey[];
  readonly checkpoints: readonly AuditCheckpoint[];
  /** The entries in order. They can be read only once. */
  readonly entries: AsyncIterable<ReadEntry>;
}

/**
 * Reads the log from the control plane, page by page. Signatures are read first. The log only grows afterwards, so a
 * signature beyond the head means that the log was truncated.
 */
export async function fetchLog(client: Pick<ControlClient, "call">): Promise<ExportedLog> {
  const { checkpoints, keys } = await fetchCheckpoints(client);
  const read = async (after: number, limit = PAGE) =>
    logPage.parse(
      await client.call("GET", "/v1/audit/log", {
        query: new URLSearchParams({ after: `${after}`, limit: `${limit}` }),
      }),
    );
  const first = await read(0, 1);
  async function* entries() {
    let after = 0;
    // Entries added during the export are beyond the head.
    while (after < first.head.sequence) {
      const found = (await read(after)).entries.filter(({ sequence }) => sequence <= first.head.sequence);
      for (const entry of found) yield entry;
      const last = found.at(-1);
      if (last === undefined) return;
      after = last.sequence;
    }
  }
  return { tenant: first.tenant, head: first.head, keys, checkpoints, entries: entries() };
}

async function fetchCheckpoints(client: Pick<ControlClient, "call">) {
  const checkpoints: AuditCheckpoint[] = [];
  for (;;) {
    const query = new URLSearchParams({ after: String(checkpoints.at(-1)?.sequence ?? 0) });
    const found = checkpointPage.parse(await client.call("GET", "/v1/audit/checkpoints", { query }));
    checkpoints.push(...found.checkpoints);
    if (found.checkpoints.length < PAGE) return { checkpoints, keys: found.keys };
  }
}

/** One line each for the head, the keys, the checkpoints and the entries. */
export async function* linesOf({ tenant, head: end, keys, checkpoints, entries }: ExportedLog) {
  yield JSON.stringify({ tenant, head: end });
  for (const key of keys) yield JSON.stringify({ key });
  for (const checkpoint of checkpoints) yield JSON.stringify({ checkpoint });
  for await (const entry of entries) yield JSON.stringify({ entry });
}

/** Reads the output of `linesOf`. @throws Error in one sentence for an invalid file */
export async function readLog(path: string): Promise<ExportedLog> {
  const lines = linesIn(path);
  const keys: AuditKey[] = [];
  const checkpoints: AuditCheckpoint[] = [];
  let begun: { tenant: string; head: z.infer<typeof head> } | undefined;
  let firstEntry: ReadEntry | undefined;
  for (;;) {
    const { value, done } = await lines.next();
    if (done === true) break;
    if ("entry" in value) {
      firstEntry = value.entry;
      break;
    }
    if ("key" in value) keys.push(value.key);
    else if ("checkpoint" in value) checkpoints.push(value.checkpoint);
    else begun = value;
  }
  if (begun === undefined)
    throw new Error(`${path} is not a complete export of an audit log: the first line is missing.`);
  async function* entries() {
    if (firstEntry !== undefined) yield firstEntry;
    for await (const value of lines) if ("entry" in value) yield value.entry;
  }
  return { ...begun, keys, checkpoints, entries: entries() };
}

async function* linesIn(path: string): AsyncGenerator<z.infer<typeof line>> {
  let number = 0;
  for await (const text of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    number += 1;
    const parsed = line.safeParse(parseJson(text));
    if (!parsed.success) throw new Error(`Line ${number} of ${path} is not part of an exported audit log.`);
    yield parsed.data;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
