import { Inject, Injectable } from "@nestjs/common";
import { noteAudit } from "@tripline/nest-kit/audit/note-audit";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import type { Logger } from "@tripline/telemetry/logger";
import { counter, gauge } from "@tripline/telemetry/metrics";
import { z } from "zod";
import { BACKGROUND } from "../background.js";
import type { ConsoleConfig } from "../config.js";
import { CONSOLE_CONFIG } from "../config.js";
import { AuthorizationServer } from "../sessions/authorization-server.js";
import { Sessions } from "../sessions/sessions.js";
import { AUDIT_SOURCE } from "../view-events.js";

const EVERY_MS = 1_000;
const TOGETHER_MAX = 100;
const ANSWER_MS_MAX = 5_000;
const MS_PER_S = 1_000;
/** The readiness report mentions labels that have been waiting this long. */
const NOTED_SECONDS_MIN = 60;
const WAIT_MS_MIN = 1_000;
const WAIT_MS_MAX = 60_000;

const queuedRow = z.object({
  transaction_id: z.string(),
  case_id: z.string(),
  tenant: z.string(),
  person_id: z.string(),
  tries: z.number(),
  body: z.object({
    transaction_id: z.string(),
    card: z.object({ token: z.string() }),
    terminal_id: z.string().optional(),
    occurred_at_ms: z.number(),
    labelled_at_ms: z.number(),
    fraud: z.boolean(),
  }),
});
type QueuedLabel = z.infer<typeof queuedRow>;

const problem = z.object({ code: z.string(), detail: z.string() }).catch({ code: "internal", detail: "" });

interface Answer {
  readonly isAccepted: boolean;
  /** The token was rejected or lacks the scope. */
  readonly isDenied?: boolean;
  readonly refusal?: string;
}

/** The token with which a label is posted. */
interface Sender {
  readonly token: string;
  /** Whether the console itself posts the label on behalf of the label's tenant. */
  readonly isRelayed: boolean;
}

const oldestRow = z.object({ oldest: z.coerce.number().nullable() });

/**
 * Sends labels from the outbox to the ingestion API with the token of the user who set them. If that user has signed
 * out or was locked, the console sends the label itself and records that. While ingestion is unavailable, labels wait.
 * Repeated labels are recognised by their payment.
 */
@Injectable()
export class LabelSender {
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  #oldestMs: number | undefined;
  readonly #ingestionUrl: string;
  readonly #endReading: () => void;
  readonly #relayed = counter("tripline_console_labels_relayed_total", {
    description: "Labels that the console sent itself because their user has signed out or was disabled",
  });

  constructor(
    @Inject(BACKGROUND) private readonly database: Database,
    @Inject(Sessions) private readonly sessions: Pick<Sessions, "ofPerson">,
    @Inject(AuthorizationServer) private readonly server: Pick<AuthorizationServer, "relayToken">,
    @Inject(CONSOLE_CONFIG) { INGESTION_URL: url }: Pick<ConsoleConfig, "INGESTION_URL">,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.#ingestionUrl = url.replace(/\/$/, "");
    this.#endReading = gauge(
      "tripline_console_labels_waiting_seconds",
      { description: "How long the oldest label has been waiting for the ingestion API; 0 if none is waiting" },
      () => this.#waitingSeconds,
    );
  }

  /** For the readiness report; undefined while labels are sent. */
  get note(): string | undefined {
    const seconds = Math.round(this.#waitingSeconds);
    return seconds < NOTED_SECONDS_MIN ? undefined : `the oldest label has been waiting for ${seconds} s`;
  }

  get #waitingSeconds(): number {
    return this.#oldestMs === undefined ? 0 : Math.max(0, Date.now() - this.#oldestMs) / MS_PER_S;
  }

  start(): void {
    this.#timer = setInterval(() => void this.send(), EVERY_MS);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#endReading();
    await this.#sending;
  }

  /** Sends due labels. Never throws. */
  send(): Promise<void> {
    this.#sending ??= this.#sendDue()
      .catch((error: Error) => this.logger.warn({ err: error }, "labels wait"))
      .finally(() => {
        this.#sending = undefined;
      });
    return this.#sending;
  }

  async #sendDue(): Promise<void> {
    const { database } = this;
    const due = await database.query(
      queuedRow,
      `SELECT transaction_id, case_id, tenant, person_id, tries, body FROM console.label_outbox
       WHERE next_try_at_ms <= $1 ORDER BY next_try_at_ms LIMIT ${TOGETHER_MAX}`,
      [Date.now()],
    );
    const [oldest] = await database.query(
      oldestRow,
      "SELECT min((body->>'labelled_at_ms')::bigint) AS oldest FROM console.label_outbox",
      [],
    );
    this.#oldestMs = oldest?.oldest ?? undefined;
    for (const [, labels] of Map.groupBy(due, ({ tenant, person_id }) => `${tenant}/${person_id}`)) {
      await this.#sendAs(labels);
    }
  }

  async #sendAs(labels: readonly QueuedLabel[]): Promise<void> {
    const [first] = labels;
    if (first === undefined) return;
    const session = await this.sessions.ofPerson(first.tenant, first.person_id);
    const own = session && { token: session.tokens.access, isRelayed: false };
    for (const label of labels) {
      if (!(await this.#claim(label))) continue;
      let sender: Sender | undefined = own ?? (await this.#relay());
      let answer = await this.#post(label, sender);
      // The user has been disabled or has lost the permission since then, but had it when the label was set.
      if (answer.isDenied && sender === own) {
        sender = await this.#relay();
        answer = await this.#post(label, sender);
      }
      if (answer.isAccepted && sender !== undefined) await this.#sent(label, sender);
      else if (answer.refusal !== undefined) await this.#giveUp(label, answer.refusal);
    }
  }

  /** Undefined if auth issues no token. Labels of other users are still sent. */
  async #relay(): Promise<Sender | undefined> {
    try {
      return { token: await this.server.relayToken(), isRelayed: true };
    } catch (error) {
      this.logger.warn({ err: error }, "labels of signed-out users are waiting");
      return undefined;
    }
  }

  /** If the console itself sent the label, records for the audit log on whose behalf. */
  async #sent(label: QueuedLabel, { isRelayed }: Sender): Promise<void> {
    await this.database.transaction(async (transaction) => {
      await this.#remove(label, transaction);
      if (!isRelayed) return;
      const { tenant, transaction_id: subjectId, person_id: author, case_id } = label;
      const noted = { tenant, actor: AUDIT_SOURCE, actorKind: "service", action: "label-sent" } as const;
      await noteAudit(transaction, AUDIT_SOURCE, {
        ...noted,
        subjectKind: "payment",
        subjectId,
        details: { author, case_id },
      });
    });
    if (isRelayed) this.#relayed.inc();
  }

  /**
   * Claims a label, so that no other instance sends it. After a crash, the label becomes due again. Does not claim a
   * label that another verdict has replaced since it was read, because the new label may be held.
   */
  async #claim({ transaction_id: id, tries, body }: QueuedLabel): Promise<boolean> {
    const nowMs = Date.now();
    const nextMs = nowMs + Math.min(WAIT_MS_MAX, WAIT_MS_MIN * 2 ** Math.min(tries, 6));
    const claimed = await this.database.execute(
      `UPDATE console.label_outbox SET tries = tries + 1, next_try_at_ms = $2
       WHERE transaction_id = $1 AND tries = $3 AND next_try_at_ms <= $4 AND (body->>'labelled_at_ms')::bigint = $5`,
      [id, nextMs, tries, nowMs, body.labelled_at_ms],
    );
    return claimed === 1;
  }

  /** Sets `refusal` if a retry would not help. */
  async #post({ body, tenant }: QueuedLabel, sender: Sender | undefined): Promise<Answer> {
    if (sender === undefined) return { isAccepted: false };
    const { token, isRelayed } = sender;
    const { occurred_at_ms: occurredAtMs, labelled_at_ms: labelledAtMs, ...rest } = body;
    const label = {
      ...rest,
      occurred_at: new Date(occurredAtMs).toISOString(),
      labelled_at: new Date(labelledAtMs).toISOString(),
      source: "analyst",
    };
    try {
      const response = await fetch(`${this.#ingestionUrl}/v1/labels`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${token}`,
          "content-type": "application/json",
          ...(isRelayed ? { "tripline-tenant": tenant } : {}),
        },
        body: JSON.stringify(label),
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
      });
      const answer = await response.text();
      if (response.ok) return { isAccepted: true };
      if (response.status === 401 || response.status === 403) return { isAccepted: false, isDenied: true };
      if (response.status !== 409 && response.status !== 422) return { isAccepted: false };
      return { isAccepted: false, refusal: problem.parse(JSON.parse(answer)).detail };
    } catch {
      return { isAccepted: false };
    }
  }

  async #remove({ transaction_id: id, body }: QueuedLabel, queries: Queries = this.database): Promise<void> {
    // The label stays if another verdict has replaced it in the queue.
    await queries.execute(
      "DELETE FROM console.label_outbox WHERE transaction_id = $1 AND (body->>'labelled_at_ms')::bigint = $2",
      [id, body.labelled_at_ms],
    );
  }

  async #giveUp(label: QueuedLabel, refusal: string): Promise<void> {
    await this.#remove(label);
    const text = `The label of payment ${label.body.transaction_id} was rejected: ${refusal}`;
    await this.database.execute("INSERT INTO console.case_events (case_id, at_ms, text) VALUES ($1, $2, $3)", [
      label.case_id,
      Date.now(),
      text,
    ]);
  }
}
