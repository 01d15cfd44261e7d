import { Inject, Injectable } from "@nestjs/common";
import { ERROR_TABLE, TriplineError } from "@tripline/contracts/error-table";
import { ENTITY_KEYS, PERSONAL_TITLES, SUBJECT_KEYS } from "@tripline/contracts/generated/payment-fields";
import { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { ConsoleConfig } from "../config.js";
import { CONSOLE_CONFIG } from "../config.js";
import type { OpenedPersonal, OpenedValue, OpenReason } from "../contract/personal.js";
import type { Session } from "../sessions/session-store.js";

/** The control plane's maximum number of payments per request. */
export const PAYMENTS_MAX = 100;
/** Long enough for a call to a cloud's key service. */
const ANSWER_MS_MAX = 10_000;

const recordRow = z.object({ transaction_id: z.string(), record: z.instanceof(Buffer) });

const answer = z.object({
  payments: z.array(
    z.object({
      fields: z.record(z.string(), z.string()).nullable(),
      erased: z.boolean(),
    }),
  ),
});
type Opened = z.infer<typeof answer>["payments"];
type Fields = NonNullable<Opened[number]["fields"]>;

const attributes = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));

const refusal = z.object({ code: z.string(), detail: z.string() });

/**
 * Requests decryption of personal data from the control plane, the only service that can do it. Control records the
 * view and its reason in the audit log.
 */
@Injectable()
export class PersonalReader {
  readonly #controlUrl: string;

  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(CONSOLE_CONFIG) { CONTROL_URL: url }: Pick<ConsoleConfig, "CONTROL_URL">,
  ) {
    this.#controlUrl = url.replace(/\/$/, "");
  }

  /**
   * @throws TriplineError with the control plane's code if it rejects the request; `service-unavailable` if it is down
   */
  async open(session: Session, transactionIds: readonly string[], reason: OpenReason): Promise<OpenedPersonal> {
    const asked = new Set(transactionIds);
    const rows = await this.database.query(
      recordRow,
      "SELECT transaction_id, record FROM console.payments WHERE tenant = $1 AND transaction_id = ANY ($2::text[])",
      [session.tenant, [...asked]],
    );
    const sealed = rows.flatMap(({ transaction_id, record }) => {
      const { transaction } = FeatureVector.decode(record);
      if (transaction?.personal === undefined || transaction.personal.length === 0) return [];
      const { personal } = transaction;
      const subjects = SUBJECT_KEYS.map((field) => transaction[ENTITY_KEYS[field]]).filter((token) => token !== "");
      return [{ transaction_id, personal: Buffer.from(personal).toString("base64"), subjects }];
    });
    const payments = sealed.length === 0 ? [] : await this.#request(session, { payments: sealed, reason });
    const opened = payments.flatMap(({ fields }) => (fields === null ? [] : [fields]));
    const erased = payments.filter((one) => one.erased).length;
    return {
      fields: Object.entries(PERSONAL_TITLES).flatMap(([name, title]) => {
        const values = valuesOf(opened, name);
        return values.length === 0 ? [] : [{ name, title, values }];
      }),
      payments: {
        opened: opened.length,
        erased,
        keyless: payments.length - opened.length - erased,
        empty: rows.length - sealed.length,
        missing: asked.size - rows.length,
      },
    };
  }

  async #request(session: Session, body: object): Promise<Opened> {
    const response = await fetch(`${this.#controlUrl}/v1/personal/open`, {
      method: "POST",
      redirect: "error",
      headers: { authorization: `Bearer ${session.tokens.access}`, "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    }).catch((cause: unknown) => {
      throw new TriplineError("service-unavailable", "The control plane is unavailable.", [], { cause });
    });
    const content: unknown = await response.json().catch(() => undefined);
    if (response.ok) return answer.parse(content).payments;
    const { code, detail } = refusal
      .catch({ code: "", detail: "The control plane rejected the request." })
      .parse(content);
    // A token that control rejects does not end the session.
    const isKnown = response.status !== 401 && Object.hasOwn(ERROR_TABLE, code);
    throw new TriplineError(isKnown ? (code as keyof typeof ERROR_TABLE) : "service-unavailable", detail);
  }
}

function valuesOf(opened: readonly Fields[], name: string): OpenedValue[] {
  const counts = new Map<string, number>();
  for (const { [name]: sealed = "" } of opened) {
    for (const value of textsIn(name, sealed)) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return [...counts]
    .map(([value, payments]) => ({ value, payments }))
    .toSorted((left, right) => right.payments - left.payments);
}

/** Attributes are JSON with one value per name. */
function textsIn(name: string, sealed: string): string[] {
  if (sealed === "") return [];
  if (name !== "attributes") return [sealed];
  return Object.entries(attributes.parse(JSON.parse(sealed))).map(([attribute, value]) => `${attribute}: ${value}`);
}
