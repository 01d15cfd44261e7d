import type { OnModuleDestroy, OnModuleInit } from "@nestjs/common";
import { ConflictException, Inject, Injectable } from "@nestjs/common";
import { HEADERS } from "@tripline/contracts/headers";
import { TOPICS } from "@tripline/contracts/topics";
import { Redis } from "ioredis";
import type { Producer } from "kafkajs";
import { Kafka, logLevel, Partitioners } from "kafkajs";
import { encodePayment, IDEMPOTENCY_SECONDS, requestKey } from "../encode-payment.js";
import type { PeerSettings } from "../read-settings.js";
import type { PaymentDto } from "./payment.dto.js";

export const SETTINGS = Symbol("SETTINGS");

const DEADLINE_MS = 2_000;

/** Reserves a payment in Redis, sends it to Kafka with one `producer.send`, and marks it. */
@Injectable()
export class PaymentsService implements OnModuleInit, OnModuleDestroy {
  private readonly redis: Redis;
  private readonly producer: Producer;

  constructor(@Inject(SETTINGS) private readonly settings: PeerSettings) {
    this.redis = new Redis(settings.REDIS_URL);
    const kafka = new Kafka({ brokers: settings.KAFKA_BROKERS, clientId: "express", logLevel: logLevel.WARN });
    this.producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  }

  async onModuleInit(): Promise<void> {
    await this.producer.connect();
  }

  async onModuleDestroy(): Promise<void> {
    await this.producer.disconnect();
    this.redis.disconnect();
  }

  async accept(body: PaymentDto, tenant: string): Promise<string> {
    const { id, cardToken, fingerprint, value } = encodePayment(body, tenant, this.settings.CARD_TOKEN_KEY);
    const key = requestKey(tenant, id);
    const known = await this.redis.set(key, `r:${fingerprint}`, "EX", IDEMPOTENCY_SECONDS, "NX", "GET");
    if (known !== null && known.slice(2) !== fingerprint) throw new ConflictException();
    if (known === null || known.startsWith("r")) {
      const { name: topic, schema } = TOPICS.transactions;
      const deadline = String(Date.now() + DEADLINE_MS);
      const headers = { [HEADERS.schema]: schema, [HEADERS.tenant]: tenant, [HEADERS.deadline]: deadline };
      await this.producer.send({ topic, messages: [{ key: cardToken, value: Buffer.from(value), headers }] });
      await this.redis.set(key, `a:${fingerprint}`, "EX", IDEMPOTENCY_SECONDS);
    }
    return id;
  }
}
