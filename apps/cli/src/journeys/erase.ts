import { randomInt, randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { FeatureVector, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { withLuhnDigit } from "@tripline/contracts/identifiers";
import { TOPICS } from "@tripline/contracts/topics";
import type { Kafka } from "@tripline/kafka/port";
import type { ControlClient } from "@tripline/system/client/control-client";
import type { KnownPayment } from "@tripline/system/client/payment";
import type { ApiDecision, TriplineClient } from "@tripline/system/client/tripline-client";
import { awaitLedger, balances, ledgerLine, readTopic } from "@tripline/system/ledger/ledger";
import { z } from "zod";

export interface EraseOptions {
  readonly client: Pick<TriplineClient, "send">;
  /** A client with the scopes `personal:read` and `personal:erase`. */
  readonly control: Pick<ControlClient, "call">;
  readonly kafka: Kafka;
  /** The person to erase; by default a new one. */
  readonly person?: OpenedPerson;
  print(text: string): void;
}

const WAIT_SECONDS = 10;
const PAYMENTS = 3;
const TRIES_MAX = 40;
const TRY_MS = 500;
const COUNTED_BY = "card_count_7d";

const opened = z.object({
  payments: z.array(z.object({ fields: z.record(z.string(), z.string()).nullable() })),
});

/**
 * A person pays, an authorised user views their data, and the person is erased and pays again. The old data can no
 * longer be read anywhere, the window state starts from zero, and every decision stays valid.
 *
 * @throws Error in one sentence that names the failed step
 * @returns the card token of the person
 */
export async function eraseJourney(options: EraseOptions): Promise<string> {
  const { client, control, kafka, print, person = newPerson() } = options;
  const decisions: ApiDecision[] = [];
  const pay = async (): Promise<ApiDecision> => {
    const { decision, code, status } = await client.send(paymentOf(person), WAIT_SECONDS);
    if (decision === undefined)
      throw new Error(`A payment was not decided within ${WAIT_SECONDS} s: ${code ?? status}.`);
    decisions.push(decision);
    return decision;
  };
  for (let payment = 0; payment < PAYMENTS; payment += 1) await pay();
  const [first] = decisions;
  if (first === undefined) throw new Error("There is no payment.");
  print(`${person.cardholder} pays ${PAYMENTS} times with the card ${first.card_token}.`);

  const sealed = await sealedOf(kafka, first.id);
  if (sealed === undefined) throw new Error("The payment has no encrypted fields on its topic.");
  const fields = await until("the personal fields can be decrypted", () => openPersonal(control, first.id, sealed));
  if (fields.cardholder !== person.cardholder || fields.email !== person.email) {
    throw new Error(`The decrypted fields differ from those sent: ${Object.keys(fields).join(", ")}.`);
  }
  print(
    `On the topics and in the lake, name, e-mail address, device and network are ${sealed.length} encrypted bytes. A user with ` +
      "personal:read can decrypt them, and the audit log records it.",
  );

  await control.call("POST", "/v1/erasures", { body: { subject: first.card_token } });
  if ((await openPersonal(control, first.id, sealed)) !== undefined)
    throw new Error("The personal fields can still be decrypted.");
  print(
    "The person requests erasure: the keys are destroyed, and the encrypted bytes can no longer be decrypted anywhere.",
  );

  await until("the window state is reset", async () => {
    const { id } = await pay();
    const count = await featureOf(kafka, id);
    return count !== undefined && count < decisions.length ? count : undefined;
  });
  const newest = decisions.at(-1);
  if (newest !== undefined && (await sealedOf(kafka, newest.id)) !== undefined) {
    throw new Error("Personal fields of an erased person were stored again.");
  }
  print("The card pays again. It is treated as a new card, and no personal data is stored.");

  const ledger = await awaitLedger(kafka, new Set(decisions.map(({ id }) => id)));
  if (!balances(ledger)) throw new Error(`The numbers of decisions do not match: ${ledgerLine(ledger)}.`);
  print(`Every decision is unchanged. ${ledgerLine(ledger)}`);
  return first.card_token;
}

/** A person's data, as sent and as decrypted. */
export type OpenedPerson = Pick<KnownPayment, "cardNumber" | "deviceId" | "ipAddress"> & {
  readonly email: string;
  readonly cardholder: string;
};

export function newPerson(): OpenedPerson {
  const name = `Erasable ${randomUUID().slice(0, 8)}`;
  return {
    cardNumber: withLuhnDigit(`400000${String(randomInt(1e9)).padStart(9, "0")}`),
    email: `${name.replace(" ", ".").toLowerCase()}@example.com`,
    cardholder: name,
    deviceId: randomUUID(),
    ipAddress: `198.51.100.${randomInt(1, 255)}`,
  };
}

export function paymentOf(person: OpenedPerson): KnownPayment {
  return {
    ...person,
    clientTransactionId: `journey-${randomUUID()}`,
    terminalId: `t-${randomUUID().slice(0, 8)}`,
    amountMinor: 1_999,
    currency: "EUR",
    occurredAtMs: Date.now(),
    fraud: false,
    labelledAtMs: null,
  };
}

export async function sealedOf(kafka: Kafka, id: string): Promise<Buffer | undefined> {
  let sealed: Buffer | undefined;
  await readTopic(kafka, TOPICS.transactions.name, ({ value }) => {
    const { transactionId, personal } = Transaction.decode(value);
    if (transactionId === id) sealed = personal;
  });
  return sealed;
}

async function featureOf(kafka: Kafka, id: string): Promise<number | undefined> {
  const place = currentFeatureSpec().features.findIndex(({ name }) => name === COUNTED_BY);
  let value: number | undefined;
  await readTopic(kafka, TOPICS.features.name, (record) => {
    const { transaction, values } = FeatureVector.decode(record.value);
    if (transaction?.transactionId === id) value = values[place];
  });
  return value;
}

export async function openPersonal(control: EraseOptions["control"], id: string, sealed: Buffer) {
  const payments = [{ transaction_id: id, personal: sealed.toString("base64") }];
  const answer = opened.parse(await control.call("POST", "/v1/personal/open", { body: { payments } }));
  return answer.payments[0]?.fields ?? undefined;
}

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const found = await look();
    if (found !== undefined) return found;
    await delay(TRY_MS);
  }
  throw new Error(`Not within ${TRIES_MAX} attempts: ${what}.`);
}
