import { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import { parseStateKey } from "@tripline/feature-engine/state/state-key";
import type { Kafka } from "@tripline/kafka/port";
import { readRows } from "@tripline/lake/read/read-rows";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { readTopic } from "@tripline/system/ledger/ledger";
import type { Redis } from "ioredis";
import { z } from "zod";

/** A payer with identifiers that nobody else has. */
export interface Person {
  readonly tenant: string;
  readonly cardToken: string;
  readonly emailToken: string;
  readonly accountToken: string;
  /** The payer's data in clear text, before it is sealed. */
  readonly clear: readonly string[];
}

/** A place that stores personal data. New places must be added to the test's list. */
export interface SearchedStore {
  readonly name: string;
  /** Data about a person that an erasure should have removed but that still exists, one sentence each. */
  find(person: Person): Promise<readonly string[]>;
}

/** Decrypts the sealed fields of a payment, as a user with `personal:read` can; undefined if that fails. */
export type Open = (transactionId: string, sealed: Uint8Array) => Promise<unknown>;

export const tokensOf = ({ cardToken, emailToken, accountToken }: Person) => [cardToken, emailToken, accountToken];

/** Finds every key whose name or value identifies the person, except window states that were emptied. */
export function redisStore(redis: Redis, engine: () => FeatureEngine): SearchedStore {
  const isEmptied = (key: string, value: Buffer) =>
    engine().entities.some((plan, entity) => {
      if (parseStateKey(plan, key) === undefined) return false;
      return Buffer.from(engine().emptiedState(entity, value)).equals(value);
    });
  return {
    name: "Redis",
    async find(person) {
      const found: string[] = [];
      const look = async (key: string): Promise<void> => {
        const value = await redis.getBuffer(key).catch(() => null);
        const text = `${key} ${value?.toString("latin1") ?? ""}`;
        if (person.clear.some((clear) => text.includes(clear))) found.push(`${key} holds clear text`);
        if (!tokensOf(person).some((token) => text.includes(token))) return;
        if (value === null || !isEmptied(key, value)) found.push(`${key} contains the person's activity`);
      };
      await Promise.all((await redis.keys("*")).map(look));
      return found.sort();
    },
  };
}

/** These records say who was erased and that the erasure was done: see ADR 35. */
const STAYING_TABLES = ["control.erasures", "control.audit_log", "control.audit_outbox"];
const tableRow = z.object({ name: z.string() });
const countRow = z.object({ name: z.string(), rows: z.coerce.number() });

/** Searches every row of every table, including new tables. Also searches binary columns. */
export function postgresStore(database: Database): SearchedStore {
  return {
    name: "Postgres",
    async find(person) {
      const tables = await database.query(
        tableRow,
        `SELECT table_schema || '.' || table_name AS name FROM information_schema.tables
         WHERE table_schema IN ('control', 'console', 'auth') AND table_type = 'BASE TABLE'`,
        [],
      );
      const texts = [...tokensOf(person), ...person.clear];
      const patterns = [...texts, ...texts.map((text) => Buffer.from(text).toString("hex"))].map((text) => `%${text}%`);
      const searched = tables.flatMap(({ name }) => (STAYING_TABLES.includes(name) ? [] : [name]));
      const counts = searched.map(
        (name) => `SELECT '${name}' AS name, count(*) AS rows FROM ${name} AS t WHERE t::text LIKE ANY ($1::text[])`,
      );
      const rows = await database.query(countRow, counts.join(" UNION ALL "), [patterns]);
      return rows.flatMap(({ name, rows: count }) => (count === 0 ? [] : [`${name} has ${count} rows`]));
    },
  };
}

const lakeRow = z.object({ transaction_id: z.string(), card_token: z.string(), personal: z.instanceof(Uint8Array) });

/** Payments keep their tokens, but none of their sealed data can be decrypted. */
export function lakeStore(lake: string, open: Open): SearchedStore {
  return {
    name: "lake",
    async find(person) {
      const found: string[] = [];
      for await (const rows of readRows({ lake, topic: TOPICS.features.name })) {
        for (const row of rows) {
          const cells = Object.values(row).filter((cell) => typeof cell === "string");
          if (cells.some((cell) => person.clear.some((clear) => cell.includes(clear))))
            found.push("a row has clear text");
          if (row.card_token !== person.cardToken) continue;
          const { transaction_id: id, personal } = lakeRow.parse(row);
          if ((await open(id, personal)) !== undefined) found.push(`the payment ${id} opens`);
        }
      }
      return found;
    },
  };
}

/** Like `lakeStore`. */
export function topicStore(kafka: Kafka, open: Open): SearchedStore {
  return {
    name: "topics",
    async find(person) {
      const found: string[] = [];
      const sealed: { readonly id: string; readonly personal: Uint8Array }[] = [];
      await readTopic(kafka, TOPICS.features.name, ({ value }) => {
        if (person.clear.some((clear) => value.includes(clear))) found.push("a record has clear text");
        const { transaction } = FeatureVector.decode(value);
        if (transaction?.cardToken !== person.cardToken) return;
        sealed.push({ id: transaction.transactionId, personal: transaction.personal ?? Buffer.alloc(0) });
      });
      for (const { id, personal } of sealed) {
        if ((await open(id, personal)) !== undefined) found.push(`the payment ${id} opens`);
      }
      return found;
    },
  };
}
