import { createHash, randomUUID } from "node:crypto";
import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { holdsCardNumber } from "@tripline/contracts/find-card-number";
import { noteAudit } from "@tripline/nest-kit/audit/note-audit";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { ObjectStore } from "@tripline/object-store/object-store";
import { openStore } from "@tripline/object-store/open-store";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { Worker } from "../cases/case-requests.js";
import type { ConsoleConfig } from "../config.js";
import { CONSOLE_CONFIG } from "../config.js";
import type { AttachmentLimits, CaseAttachment } from "../contract/attachments.js";
import { AUDIT_SOURCE } from "../view-events.js";
import { detectFile } from "./detect-type.js";

const MB = 1_000_000;

const attachmentRow = z.object({
  id: z.string(),
  author_id: z.string(),
  author_name: z.string(),
  name: z.string(),
  media_type: z.string(),
  bytes: z.number(),
  sha256: z.string(),
  at_ms: z.coerce.number(),
});
const idRow = z.object({ id: z.string() });
const countRow = z.object({ count: z.coerce.number() });

const FILES_MAX = 50;
/** After this time, an upload in progress has finished or failed. */
const WRITE_MS_MAX = 3_600_000;
/** Maximum number per round; the remaining ones wait for the next round. */
const REMOVALS_MAX = 200;

/** Files of cases: metadata in Postgres, content in the object store. */
@Injectable()
export class AttachmentStore {
  readonly #store: () => Promise<ObjectStore>;

  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(CONSOLE_CONFIG) private readonly config: Pick<ConsoleConfig, "ATTACHMENTS_URL" | "ATTACHMENT_MB_MAX">,
  ) {
    let opened: Promise<ObjectStore> | undefined;
    const { ATTACHMENTS_URL: storeUrl } = config;
    this.#store = () => {
      if (storeUrl === undefined) throw new TriplineError("not-found", "Attachments are not configured.");
      opened ??= openStore(storeUrl);
      return opened;
    };
  }

  /** The limits for attachments; null if attachments are not configured. */
  get limits(): AttachmentLimits | null {
    const { ATTACHMENTS_URL, ATTACHMENT_MB_MAX } = this.config;
    return ATTACHMENTS_URL === undefined ? null : { bytesMax: ATTACHMENT_MB_MAX * MB, filesMax: FILES_MAX };
  }

  /** The case's attachments, oldest first. */
  async list(caseId: string): Promise<CaseAttachment[]> {
    const rows = await this.database.query(
      attachmentRow,
      `SELECT * FROM console.case_attachments WHERE case_id = $1 ORDER BY at_ms, id LIMIT ${FILES_MAX}`,
      [caseId],
    );
    return rows.map(toAttachment);
  }

  /**
   * @throws TriplineError `not-found`, `unsupported-media-type`, `invalid-field` for too many files; errors of the
   *   store
   */
  async add(by: Worker, caseId: string, name: string, content: Buffer): Promise<CaseAttachment> {
    const store = await this.#store();
    refuseCardNumbers(name, content);
    const found = await detectFile(content, name);
    if (found === undefined) {
      const detail = "The file type is not supported. Supported: PDF, PNG, JPEG, WebP, HEIC and plain text.";
      throw new TriplineError("unsupported-media-type", detail);
    }
    const sha256 = createHash("sha256").update(content).digest("hex");
    const { id: author_id, name: author_name } = by.person;
    const row = {
      id: randomUUID(),
      author_id,
      author_name,
      name: found.name,
      media_type: found.mediaType,
      bytes: content.length,
      sha256,
      at_ms: Date.now(),
    };
    await this.database.execute("INSERT INTO console.attachment_removals (id, due_at_ms) VALUES ($1, $2)", [
      row.id,
      row.at_ms + WRITE_MS_MAX,
    ]);
    await store.put(row.id, content);
    await this.database.transaction(async (transaction) => {
      await requireRoom(transaction, by.tenant, caseId);
      await transaction.execute(
        `INSERT INTO console.case_attachments (id, author_id, author_name, name, media_type, bytes, sha256, at_ms, case_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
        [...Object.values(row), caseId],
      );
      await transaction.execute("DELETE FROM console.attachment_removals WHERE id = $1", [row.id]);
      await noteChange(transaction, by, caseId, "added", row);
    });
    return toAttachment(row);
  }

  /** @throws TriplineError `not-found`, also for a file of another case; errors of the store */
  async read(tenant: string, caseId: string, id: string): Promise<{ of: CaseAttachment; content: Uint8Array }> {
    const [row] = await this.database.query(
      attachmentRow,
      `SELECT a.* FROM console.case_attachments a JOIN console.cases c ON c.id = a.case_id
       WHERE c.tenant = $1 AND c.id = $2 AND a.id = $3`,
      [tenant, caseId, id],
    );
    if (row === undefined) throw unknownAttachment();
    const content = await (await this.#store()).get(id);
    if (content === undefined || createHash("sha256").update(content).digest("hex") !== row.sha256) {
      throw new TriplineError("store-refused", "The stored file differs from the one that was added.");
    }
    return { of: toAttachment(row), content };
  }

  /** @throws TriplineError `not-found`, also for a file of another case */
  async remove(by: Worker, caseId: string, id: string): Promise<void> {
    await this.database.transaction(async (transaction) => {
      const [row] = await transaction.query(
        attachmentRow,
        `DELETE FROM console.case_attachments a USING console.cases c
         WHERE c.id = a.case_id AND c.tenant = $1 AND c.id = $2 AND a.id = $3 RETURNING a.*`,
        [by.tenant, caseId, id],
      );
      if (row === undefined) throw unknownAttachment();
      await transaction.execute("INSERT INTO console.attachment_removals (id, due_at_ms) VALUES ($1, 0)", [id]);
      await noteChange(transaction, by, caseId, "removed", row);
    });
  }

  /**
   * Deletes removed files from the store. If two instances do so concurrently, they delete the same object twice, which
   * is harmless.
   */
  async dropRemoved(): Promise<void> {
    if (this.config.ATTACHMENTS_URL === undefined) return;
    const due = await this.database.query(
      idRow,
      `SELECT id FROM console.attachment_removals WHERE due_at_ms <= $1 ORDER BY due_at_ms LIMIT ${REMOVALS_MAX}`,
      [Date.now()],
    );
    for (const { id } of due) {
      await (await this.#store()).remove(id);
      await this.database.execute("DELETE FROM console.attachment_removals WHERE id = $1", [id]);
    }
  }
}

/** SQL that deletes attachments and schedules the removal of their objects. @param condition on `case_attachments` */
export function removeAttachments(condition: string): string {
  return `WITH gone AS (DELETE FROM console.case_attachments WHERE ${condition} RETURNING id)
    INSERT INTO console.attachment_removals (id, due_at_ms) SELECT id, 0 FROM gone`;
}

/** Locks the case, to prevent its deletion and to count concurrent uploads. */
async function requireRoom(transaction: Queries, tenant: string, caseId: string): Promise<void> {
  const cases = "SELECT id FROM console.cases WHERE tenant = $1 AND id = $2 FOR UPDATE";
  if ((await transaction.query(idRow, cases, [tenant, caseId])).length === 0) {
    throw new TriplineError("not-found", "This case does not exist.");
  }
  const files = "SELECT count(*) FROM console.case_attachments WHERE case_id = $1";
  const [{ count } = { count: 0 }] = await transaction.query(countRow, files, [caseId]);
  if (count >= FILES_MAX) {
    throw new TriplineError("invalid-field", `The case has ${FILES_MAX} files, the maximum. Remove one first.`);
  }
}

type Row = z.infer<typeof attachmentRow>;

/** Records the change, without the file's name, because file names often contain people's names. */
async function noteChange(
  transaction: Queries,
  by: Worker,
  caseId: string,
  change: "added" | "removed",
  { id, media_type: mediaType, bytes, sha256 }: Row,
): Promise<void> {
  const text = `${change === "added" ? "Added" : "Removed"} a file (${mediaType}).`;
  await transaction.execute(
    "INSERT INTO console.case_events (case_id, at_ms, by_id, by_name, text) VALUES ($1, $2, $3, $4, $5)",
    [caseId, Date.now(), by.person.id, by.person.name, text],
  );
  await noteAudit(transaction, AUDIT_SOURCE, {
    tenant: by.tenant,
    actor: by.person.id,
    actorKind: "person",
    action: `attachment-${change}`,
    subjectKind: "attachment",
    subjectId: id,
    details: { case: caseId, mediaType, bytes, sha256 },
  });
}

function toAttachment({ id, author_id, author_name, name, media_type, bytes, sha256, at_ms }: Row): CaseAttachment {
  const author = { id: author_id, name: author_name };
  return { id, name, mediaType: media_type, bytes, sha256, author, atMs: at_ms };
}

function unknownAttachment(): TriplineError {
  return new TriplineError("not-found", "This file does not exist in this case.");
}

/**
 * In images and PDFs, finds only uncompressed text, such as descriptions.
 *
 * @throws TriplineError `invalid-field`
 */
function refuseCardNumbers(name: string, content: Buffer): void {
  const texts = [name, content.toString("utf8").replaceAll(/[\p{C}\ufffd]+/gu, "\n")];
  if (texts.some(holdsCardNumber)) {
    throw new TriplineError(
      "invalid-field",
      "The file or its name appears to contain a card number. Remove the number and try again.",
    );
  }
}
