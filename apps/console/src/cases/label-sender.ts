import type { Database } from "@tripline/service-kit/postgres/connect-database";
import type { Logger } from "@tripline/service-kit/telemetry/logger";
import { z } from "zod";
import type { Sessions } from "../sessions/sessions.js";

const EVERY_MS = 1_000;
const TOGETHER_MAX = 100;
const ANSWER_MS_MAX = 5_000;
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
    terminal_id: z.string(),
    occurred_at_ms: z.number(),
    labelled_at_ms: z.number(),
    fraud: z.boolean(),
  }),
});
type QueuedLabel = z.infer<typeof queuedRow>;

const problem = z.object({ code: z.string(), detail: z.string() }).catch({ code: "internal", detail: "" });

export interface LabelSenderOptions {
  readonly database: Database;
  readonly sessions: Sessions;
  readonly ingestionUrl: string;
  readonly logger: Logger;
}

/**
 * Brings labels from the outbox to the front door, each as the person who gave it. While the front door is away, or the
 * person is not signed in, they wait; the same label again is recognised by its payment.
 */
export class LabelSender {
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;

  constructor(private readonly options: LabelSenderOptions) {}

  start(): void {
    this.#timer = setInterval(() => void this.send(), EVERY_MS);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sending;
  }

  /** Sends what is due. Never throws. */
  send(): Promise<void> {
    this.#sending ??= this.#sendDue()
      .catch((error: Error) => this.options.logger.warn({ err: error }, "labels wait"))
      .finally(() => {
        this.#sending = undefined;
      });
    return this.#sending;
  }

  async #sendDue(): Promise<void> {
    const { database } = this.options;
    const due = await database.query(
      queuedRow,
      `SELECT transaction_id, case_id, tenant, person_id, tries, body FROM console.label_outbox
       WHERE next_try_at_ms <= $1 ORDER BY next_try_at_ms LIMIT ${TOGETHER_MAX}`,
      [Date.now()],
    );
    for (const [, labels] of Map.groupBy(due, ({ tenant, person_id }) => `${tenant}/${person_id}`)) {
      await this.#sendAs(labels);
    }
  }

  async #sendAs(labels: readonly QueuedLabel[]): Promise<void> {
    const [first] = labels;
    if (first === undefined) return;
    const session = await this.options.sessions.ofPerson(first.tenant, first.person_id);
    for (const label of labels) {
      if (session === undefined || !(await this.#claim(label))) continue;
      const answer = await this.#post(label, session.tokens.access);
      if (answer.isAccepted) await this.#remove(label);
      else if (answer.refusal !== undefined) await this.#giveUp(label, answer.refusal);
    }
    if (session === undefined) await Promise.all(labels.map((label) => this.#claim(label)));
  }

  /** Another instance that read it too does not send it, and after a crash it is due again. */
  async #claim({ transaction_id: id, tries }: QueuedLabel): Promise<boolean> {
    const nextMs = Date.now() + Math.min(WAIT_MS_MAX, WAIT_MS_MIN * 2 ** Math.min(tries, 6));
    const claimed = await this.options.database.execute(
      "UPDATE console.label_outbox SET tries = tries + 1, next_try_at_ms = $2 WHERE transaction_id = $1 AND tries = $3",
      [id, nextMs, tries],
    );
    return claimed === 1;
  }

  /** `refusal` where sending it again would not help. */
  async #post({ body }: QueuedLabel, token: string): Promise<{ isAccepted: boolean; refusal?: string }> {
    const { occurred_at_ms: occurredAtMs, labelled_at_ms: labelledAtMs, ...rest } = body;
    const label = {
      ...rest,
      occurred_at: new Date(occurredAtMs).toISOString(),
      labelled_at: new Date(labelledAtMs).toISOString(),
      source: "analyst",
    };
    try {
      const response = await fetch(`${this.options.ingestionUrl}/v1/labels`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify(label),
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
      });
      const answer = await response.text();
      if (response.ok) return { isAccepted: true };
      if (response.status !== 409 && response.status !== 422) return { isAccepted: false };
      return { isAccepted: false, refusal: problem.parse(JSON.parse(answer)).detail };
    } catch {
      return { isAccepted: false };
    }
  }

  async #remove({ transaction_id: id, body }: QueuedLabel): Promise<void> {
    // Not where another verdict was queued in its place meanwhile.
    await this.options.database.execute(
      "DELETE FROM console.label_outbox WHERE transaction_id = $1 AND (body->>'labelled_at_ms')::bigint = $2",
      [id, body.labelled_at_ms],
    );
  }

  async #giveUp(label: QueuedLabel, refusal: string): Promise<void> {
    await this.#remove(label);
    const text = `The label of payment ${label.body.transaction_id} was refused: ${refusal}`;
    await this.options.database.execute("INSERT INTO console.case_events (case_id, at_ms, text) VALUES ($1, $2, $3)", [
      label.case_id,
      Date.now(),
      text,
    ]);
  }
}
