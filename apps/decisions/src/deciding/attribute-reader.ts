import { Inject, Injectable } from "@nestjs/common";
import { transitKey } from "@tripline/contracts/redis-keys";
import type { SentAttributes } from "@tripline/decision-engine/attributes/sent-attributes";
import { ATTRIBUTES_UNAVAILABLE, parseAttributes } from "@tripline/decision-engine/attributes/sent-attributes";
import type { Policy } from "@tripline/decision-engine/policy";
import { InjectRedis } from "@tripline/nest-kit/redis/redis.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import { TransitOpener } from "@tripline/sealing/transit/transit-opener";
import type { RedisConnection } from "@tripline/stores/redis/connect-cluster";
import { requestRedis } from "@tripline/stores/redis/connect-redis";
import type { Logger } from "@tripline/telemetry/logger";
import type { Payment } from "./parse-payment.js";

const UNAVAILABLE: SentAttributes = { missing: ATTRIBUTES_UNAVAILABLE };

/** Decrypts the attributes of payments whose policy reads them (docs/adr/0058-attributes-travel-in-a-header.md). */
@Injectable()
export class AttributeReader {
  readonly #opener: TransitOpener;

  constructor(
    @InjectRedis() redis: RedisConnection,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.#opener = new TransitOpener((keyId) => requestRedis(() => redis.getBuffer(transitKey(keyId))));
  }

  /** Loads the keys of these payments. Never rejects; if a payment's key is missing, its attributes are unavailable. */
  async prepare(payments: readonly Payment[], policyOf: (tenant: string) => Policy): Promise<void> {
    const headers = payments.flatMap(({ attributes, transaction: { tenant } }) =>
      attributes !== undefined && readsAttributes(policyOf(tenant)) ? [attributes] : [],
    );
    if (headers.length === 0) return;
    try {
      await this.#opener.prepare(headers);
    } catch (error) {
      this.logger.warn({ err: error }, "could not load the keys of sealed attributes");
    }
  }

  /** Undefined if none were sent, or if the policy does not read them. */
  read({ attributes, transaction }: Payment, policy: Policy): SentAttributes | undefined {
    if (attributes === undefined || !readsAttributes(policy)) return undefined;
    const json = this.#opener.open(attributes, transaction.transactionId);
    const values = json === undefined ? undefined : parseAttributes(json);
    return values === undefined ? UNAVAILABLE : { values };
  }
}

function readsAttributes({ rules }: Policy): boolean {
  return rules.some(({ when }) => when.readsAttributes);
}
