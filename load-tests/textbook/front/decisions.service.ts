import { randomUUID } from "node:crypto";
import type { OnModuleDestroy, OnModuleInit } from "@nestjs/common";
import { ConflictException, GatewayTimeoutException, Inject, Injectable } from "@nestjs/common";
import { cardToken, keyedToken, transactionId } from "@tripline/contracts/identifiers";
import { Redis } from "ioredis";
import type { Producer } from "kafkajs";
import { connectProducer } from "../connect-kafka.js";
import type { TransactionMessage } from "../messages.js";
import { TOPICS } from "../messages.js";
import type { FrontSettings } from "../read-settings.js";
import { SETTINGS } from "../read-settings.js";
import type { PaymentDto } from "./payment.dto.js";

const IDEMPOTENCY_SECONDS = 86_400;

type Settle = (decision: unknown) => void;

/** Reserves a payment in Redis, sends it to Kafka with one `producer.send`, and waits for its decision. */
@Injectable()
export class DecisionsService implements OnModuleInit, OnModuleDestroy {
  private readonly redis: Redis;
  private readonly subscriber: Redis;
  private readonly channel = `textbook-reply:${randomUUID()}`;
  private readonly waiting = new Map<string, Settle>();
  private producer: Producer | undefined;

  constructor(@Inject(SETTINGS) private readonly settings: FrontSettings) {
    this.redis = new Redis(settings.REDIS_URL, { enableAutoPipelining: true });
    this.subscriber = new Redis(settings.REDIS_URL);
  }

  async onModuleInit(): Promise<void> {
    this.producer = await connectProducer(this.settings.KAFKA_BROKERS, "textbook-front");
    this.subscriber.on("message", (_channel: string, text: string) => {
      const decision: { id: string } = JSON.parse(text);
      this.waiting.get(decision.id)?.(decision);
    });
    await this.subscriber.subscribe(this.channel);
  }

  async onModuleDestroy(): Promise<void> {
    await this.producer?.disconnect();
    this.redis.disconnect();
    this.subscriber.disconnect();
  }

  async decide(body: PaymentDto, tenant: string, waitMs: number): Promise<unknown> {
    const message = this.messageOf(body, tenant);
    const key = `textbook-idem:${message.id}`;
    const known = await this.redis.set(key, message.clientTransactionId, "EX", IDEMPOTENCY_SECONDS, "NX", "GET");
    if (known !== null) throw new ConflictException();
    const decided = this.wait(message.id, waitMs);
    await this.producer?.send({
      topic: TOPICS.transactions,
      messages: [{ key: message.cardToken, value: JSON.stringify(message) }],
    });
    const decision = await decided;
    if (decision === undefined) throw new GatewayTimeoutException();
    return decision;
  }

  /** Resolves with the decision, or with nothing at the timeout. */
  private wait(id: string, waitMs: number): Promise<unknown> {
    return new Promise((resolve) => {
      const settle: Settle = (decision) => {
        clearTimeout(timer);
        this.waiting.delete(id);
        resolve(decision);
      };
      const timer = setTimeout(() => settle(undefined), waitMs);
      this.waiting.set(id, settle);
    });
  }

  private messageOf(body: PaymentDto, tenant: string): TransactionMessage {
    const key = this.settings.CARD_TOKEN_KEY;
    const { card, device_id: device, ip_address: address } = body;
    return {
      id: transactionId(tenant, body.transaction_id),
      tenant,
      clientTransactionId: body.transaction_id,
      cardToken: card.number === undefined ? (card.token ?? "") : cardToken(key, tenant, card.number),
      terminalId: body.terminal_id,
      ...(device === undefined ? {} : { deviceToken: keyedToken("device", key, tenant, device) }),
      ...(address === undefined ? {} : { ipToken: keyedToken("ip", key, tenant, address) }),
      amountMinor: body.amount.minor,
      currency: body.amount.currency,
      occurredAtMs: Date.parse(body.occurred_at),
      acceptedAtMs: Date.now(),
      replyTo: this.channel,
    };
  }
}
