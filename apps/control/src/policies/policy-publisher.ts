import { Inject, Injectable } from "@nestjs/common";
import { encodeMessage } from "@tripline/contracts/encode-message";
import { PolicyActivation } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { TABLES } from "@tripline/contracts/topics";
import type { EventProducer, OutgoingRecord } from "@tripline/kafka/port";
import { EVENT_PRODUCER } from "@tripline/nest-kit/kafka/kafka.tokens";
import { OutboxPublisher } from "@tripline/nest-kit/kafka/outbox-publisher";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { Logger } from "@tripline/telemetry/logger";
import { z } from "zod";
import { isInForce, isNotReplaced } from "./policy-rows.js";

const ROWS_PER_ROUND_MAX = 50;
/** By then, every instance of decisions has switched to a later activation, even if its clock is wrong. */
const SUPERSEDED_KEPT = "1 hour";

const unpublishedRow = z.object({
  tenant: z.string(),
  activation: z.int(),
  revision: z.int().nullable(),
  text: z.string().nullable(),
  sha256: z.string().nullable(),
  author: z.string(),
  note: z.string(),
  created_at: z.date(),
  activates_at: z.date(),
  switched_off: z.array(z.string()),
});
const keyRow = unpublishedRow.pick({ tenant: true, activation: true });

/**
 * Publishes activations and deletes obsolete ones. Both are safe to repeat, even on several instances: regardless of
 * the order in which activations arrive, the one with the highest number that is due and was not replaced takes effect.
 */
@Injectable()
export class PolicyPublisher extends OutboxPublisher {
  #isPublishedAgain = false;

  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_PRODUCER) private readonly producer: EventProducer,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    super({
      what: "policies",
      gauge: "tripline_control_unpublished_seconds",
      logger,
      round: () => this.#round(),
    });
  }

  /** @returns whether all activations added so far are published */
  publish(): Promise<boolean> {
    return this.flush().then(
      () => true,
      () => false,
    );
  }

  async #round(): Promise<boolean> {
    if (!this.#isPublishedAgain) await this.#publishAgain();
    if ((await this.#publishSome()) === ROWS_PER_ROUND_MAX) return true;
    await this.#withdraw();
    return false;
  }

  /**
   * At startup, publishes everything that applies, because Kafka may have been replaced, or an earlier release may have
   * deleted the active record.
   */
  async #publishAgain(): Promise<void> {
    await this.database.execute(
      `UPDATE control.policy_activations a SET published_at = NULL, withdrawn_at = NULL
       WHERE a.withdrawn_at IS NULL OR (${isInForce("a")})`,
      [],
    );
    this.#isPublishedAgain = true;
  }

  async #publishSome(): Promise<number> {
    const rows = await this.database.query(
      unpublishedRow,
      `SELECT a.tenant, a.activation, a.revision, r.text, r.sha256, a.author, a.note, a.created_at, a.activates_at,
         ARRAY(SELECT rule_id FROM control.switched_off_rules o
           WHERE o.tenant = a.tenant AND o.revision = a.revision ORDER BY rule_id) AS switched_off
       FROM control.policy_activations a LEFT JOIN control.policy_revisions r USING (tenant, revision)
       WHERE a.published_at IS NULL AND a.withdrawn_at IS NULL ORDER BY a.tenant, a.activation LIMIT $1`,
      [ROWS_PER_ROUND_MAX],
    );
    if (rows.length === 0) return 0;
    await this.producer.send(rows.map((row) => recordOf(row, messageOf(row))));
    await this.#markPublished(rows);
    for (const { tenant, activation, revision } of rows) {
      this.logger.info({ tenant, activation, revision }, "policy activation published");
    }
    return rows.length;
  }

  /** Deletes obsolete activations from the topic, except the previous one, for a build that cannot read the newest. */
  async #withdraw(): Promise<void> {
    const rows = await this.database.query(
      keyRow,
      `SELECT a.tenant, a.activation FROM control.policy_activations a
       WHERE a.withdrawn_at IS NULL AND 1 < (
         SELECT count(*) FROM control.policy_activations b
         WHERE b.tenant = a.tenant AND b.activation > a.activation AND b.activates_at < now() - $1::interval
           AND ${isNotReplaced("b")}
       ) ORDER BY a.tenant, a.activation LIMIT $2`,
      [SUPERSEDED_KEPT, ROWS_PER_ROUND_MAX],
    );
    if (rows.length === 0) return;
    await this.producer.send(rows.map((row) => recordOf(row, new Uint8Array())));
    await this.database.execute(
      `UPDATE control.policy_activations SET withdrawn_at = now()
       WHERE (tenant, activation) IN (SELECT * FROM unnest($1::text[], $2::int[]))`,
      [rows.map(({ tenant }) => tenant), rows.map(({ activation }) => activation)],
    );
  }

  /** Marks activations as published, unless another of their rules was switched off while they were being sent. */
  async #markPublished(rows: readonly z.infer<typeof unpublishedRow>[]): Promise<void> {
    await this.database.execute(
      `UPDATE control.policy_activations a SET published_at = CASE WHEN sent.rules = (
           SELECT count(*) FROM control.switched_off_rules o WHERE o.tenant = a.tenant AND o.revision = a.revision
         ) THEN now() END
       FROM unnest($1::text[], $2::int[], $3::int[]) AS sent (tenant, activation, rules)
       WHERE a.tenant = sent.tenant AND a.activation = sent.activation`,
      [
        rows.map(({ tenant }) => tenant),
        rows.map(({ activation }) => activation),
        rows.map(({ switched_off: rules }) => rules.length),
      ],
    );
  }
}

function recordOf({ tenant, activation }: z.infer<typeof keyRow>, value: Uint8Array): OutgoingRecord {
  const { name, schema } = TABLES.policies;
  return {
    topic: name,
    key: `${tenant}/${activation}`,
    value,
    headers: { [HEADERS.schema]: schema, [HEADERS.tenant]: tenant },
  };
}

function messageOf(row: z.infer<typeof unpublishedRow>): Uint8Array {
  return encodeMessage(PolicyActivation, {
    tenant: row.tenant,
    activation: row.activation,
    revision: row.revision ?? 0,
    text: row.text ?? "",
    sha256: row.sha256 ?? "",
    activatesAtMs: row.activates_at.getTime(),
    author: row.author,
    note: row.note,
    createdAtMs: row.created_at.getTime(),
    switchedOffRules: row.switched_off,
  });
}
