import { HEADERS } from "@tripline/contracts/headers";
import { TOPICS } from "@tripline/contracts/topics";
import type { PreparedEvent } from "@tripline/ingestion/intake/prepare-event";
import { RequestReservations } from "@tripline/ingestion/intake/reserve-requests";
import { paymentSchema } from "@tripline/ingestion/requests/request-schemas";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { EventProducer } from "@tripline/kafka/port";
import { readConfig } from "@tripline/service-kit/config/read-config";
import Fastify from "fastify";
import { Redis } from "ioredis";
import { z } from "zod";
import type { PaymentBody } from "../encode-payment.js";
import { encodePayment } from "../encode-payment.js";
import { peerSettings } from "../read-settings.js";

/**
 * A bare Fastify route with the schema and the answer of `POST /v1/transactions`, as https://fastify.dev/docs/latest
 * describes it: the body checked by the compiled schema, the answer written by the compiled serialiser. No token, no
 * span, no metric, no framework around it. With WORK=all the service's own reservations and producer stand
 * behind it, so that only the way to them differs; with WORK=none it only answers.
 */

const TENANT = "demo";
const DEADLINE_MS = 2_000;
const IDEMPOTENCY_HOURS = 24;

const settings = readConfig(peerSettings, process.env);

async function main(): Promise<void> {
  const fastify = Fastify();
  const take = settings.WORK === "all" ? await openWork() : async () => {};
  const text = { type: "string" };
  const answer = { type: "object", properties: { id: text, transaction_id: text, status: text } };
  const body = z.toJSONSchema(paymentSchema, { io: "input", target: "draft-7" });
  fastify.post<{ Body: PaymentBody }>(
    "/v1/transactions",
    { schema: { body, response: { 202: answer } } },
    async (request, reply) => {
      const clientTransactionId = request.body.transaction_id;
      const encoded = encodePayment(request.body, TENANT, settings.CARD_TOKEN_KEY);
      const payment: PreparedEvent = { topic: "transactions", clientTransactionId, ...encoded };
      await take(payment);
      reply.status(202).header("location", `/v1/decisions/${payment.id}`);
      return { id: payment.id, transaction_id: clientTransactionId, status: "pending" };
    },
  );
  fastify.get("/health/ready", async () => "ready");
  await fastify.listen({ port: settings.PORT, host: settings.HOST });
}

async function openWork(): Promise<(payment: PreparedEvent) => Promise<void>> {
  const reservations = new RequestReservations(new Redis(settings.REDIS_URL), IDEMPOTENCY_HOURS);
  const producer = await connectKafka({ brokers: settings.KAFKA_BROKERS, clientId: "bare" }).producer();
  return async (payment) => {
    await reservations.reserve(TENANT, [payment]);
    await produce(producer, payment);
    await reservations.mark(TENANT, [payment], "accepted");
  };
}

async function produce(producer: EventProducer, { cardToken, value }: PreparedEvent): Promise<void> {
  const { name: topic, schema } = TOPICS.transactions;
  const deadline = String(Date.now() + DEADLINE_MS);
  const headers = { [HEADERS.schema]: schema, [HEADERS.tenant]: TENANT, [HEADERS.deadline]: deadline };
  await producer.send([{ topic, key: cardToken, value, headers }]);
}

// An orderly end, so that a CPU profile is written.
process.on("SIGTERM", () => process.exit(0));
await main();
