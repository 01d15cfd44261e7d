import { randomBytes } from "node:crypto";
import { encodeMessage } from "@tripline/contracts/encode-message";
import { PERSONAL_FIELDS, UNSENT_PERSONAL } from "@tripline/contracts/generated/payment-fields";
import type { PersonalFields } from "@tripline/contracts/generated/tripline/events/v1/events";
import { SubjectKey } from "@tripline/contracts/generated/tripline/events/v1/events";
import { SUBJECT_KEYS_TOPIC } from "@tripline/contracts/topics";
import type { EventProducer, Kafka } from "@tripline/kafka/port";
import { openMasterKey } from "@tripline/sealing/master-key";
import { PersonalSealer } from "@tripline/sealing/personal-sealer";

const FIELDS = {
  ...UNSENT_PERSONAL,
  ...{ email: "ada@example.com", ipAddress: "203.0.113.7", deviceId: "phone-1", cardholder: "Ada" },
};
/** The personal data of every test payment, as control returns it. */
export const SHOWN = Object.fromEntries(Object.entries(PERSONAL_FIELDS).map(([name, key]) => [name, FIELDS[key]]));

export const hex = (): string => randomBytes(16).toString("hex");

export function newPerson(emailToken = `et_${hex()}`) {
  const cardToken = `ct_${hex()}`;
  return { tenant: "acme", cardToken, emailToken, accountToken: `at_${hex()}` };
}
export type Person = ReturnType<typeof newPerson>;

/** Seals payments and sends the payers' keys to Kafka, as ingestion does. */
export class TestPayers {
  private constructor(
    private readonly sealer: PersonalSealer,
    private readonly producer: EventProducer,
  ) {}

  static async start(kafka: Kafka, masterKey: string): Promise<TestPayers> {
    const sealer = new PersonalSealer({ masterKey: openMasterKey(masterKey), logger: { error() {} } });
    await sealer.start();
    return new TestPayers(sealer, await kafka.producer());
  }

  async close(): Promise<void> {
    this.sealer.close();
    await this.producer.close();
  }

  /** @returns the payment, in the form of a request to decrypt it */
  async pay(person: Person, fields: Partial<PersonalFields> = {}) {
    const id = `txn_${hex()}`;
    const { tenant, cardToken, emailToken, accountToken } = person;
    const subject = { tenant, cardToken, emailToken, otherTokens: [accountToken] };
    const sealed = this.sealer.seal({ ...FIELDS, ...fields }, subject, id);
    if (typeof sealed === "string" || sealed.newKey === undefined) throw new Error("nothing was sealed");
    const value = encodeMessage(SubjectKey, sealed.newKey.key);
    const record = { topic: SUBJECT_KEYS_TOPIC.name, key: person.cardToken, value, headers: {} };
    // Sent twice, because records may be redelivered.
    await this.producer.send([record, record]);
    return { transaction_id: id, personal: sealed.bytes.toString("base64") };
  }
}
