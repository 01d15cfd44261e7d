import { Inject, Injectable } from "@nestjs/common";
import { Decision } from "@tripline/contracts/generated/tripline/events/v1/events";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { CaseStory, QueuePage } from "../../contract/cases.js";
import type { Reason } from "../../contract/decisions.js";
import { reasonsOf } from "../../decisions/describe-decision.js";
import type { ShowToken } from "../../requests/mask-token.js";
import type { CaseSearch, Worker } from "../case-requests.js";
import { CaseStore } from "../case-store.js";
import { STORY_PAYMENTS_MAX, tellStory, toStoryPayment } from "./tell-story.js";

const recordRow = z.object({ case_id: z.string(), record: z.instanceof(Buffer) });
const paymentRow = z.object({
  case_id: z.string(),
  amount_minor: z.coerce.number(),
  currency: z.string(),
  occurred_at_ms: z.coerce.number(),
  terminal_id: z.string(),
});

/** Reads a page of the queue, with the reasons and the story of each case. */
@Injectable()
export class QueueReader {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(CaseStore) private readonly cases: CaseStore,
  ) {}

  async search(by: Worker, search: CaseSearch, show: ShowToken): Promise<QueuePage> {
    const page = await this.cases.search(by, search, show);
    const [reasons, stories] = await Promise.all([
      this.#reasons(page.cases.map(({ id }) => id)),
      this.#stories(page.cases.filter(({ payments }) => payments <= STORY_PAYMENTS_MAX).map(({ id }) => id)),
    ]);
    const cases = page.cases.map((row) => {
      return { ...row, focusReasons: reasons.get(row.id) ?? [], story: stories.get(row.id) ?? null };
    });
    return { ...page, cases };
  }

  /** @param ids cases with at most `STORY_PAYMENTS_MAX` payments */
  async #stories(ids: readonly string[]): Promise<ReadonlyMap<string, CaseStory>> {
    const rows = await this.database.query(
      paymentRow,
      `SELECT case_id, amount_minor, currency, occurred_at_ms, terminal_id FROM console.case_payments
       WHERE case_id = ANY($1::uuid[])`,
      [ids],
    );
    const stories = new Map<string, CaseStory>();
    for (const [id, payments] of Map.groupBy(rows, ({ case_id }) => case_id)) {
      const story = tellStory(payments.map(toStoryPayment));
      if (story !== null) stories.set(id, story);
    }
    return stories;
  }

  /** The reasons of the payment that each case's page shows first. A case is missing if that decision was deleted. */
  async #reasons(ids: readonly string[]): Promise<ReadonlyMap<string, readonly Reason[]>> {
    const rows = await this.database.query(
      recordRow,
      `SELECT c.id AS case_id, d.record FROM unnest($1::uuid[]) AS c (id)
       CROSS JOIN LATERAL (SELECT transaction_id FROM console.case_payments WHERE case_id = c.id
         ORDER BY outcome DESC, decided_at_ms DESC LIMIT 1) focus
       JOIN console.decisions d USING (transaction_id)`,
      [ids],
    );
    return new Map(rows.map(({ case_id: id, record }) => [id, reasonsOf(Decision.decode(record))]));
  }
}
