import { AuthEvent } from "@tripline/contracts/generated/tripline/events/v1/events";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import { testStack } from "@tripline/local-stack/testing/stack";
import { z } from "zod";
import { startAuth } from "../start-auth.js";
import { basic, requestToken, SHOP, SHOP_BASIC, testConfig } from "../testing/service.js";

const OPERATOR = { ...SHOP, client_id: "operator", scopes: ["people:write"] };

test("disables a client without Kafka, and notifies the services when it is back", async () => {
  const { postgresUrl, kafkaBrokers, topicPrefix } = await testStack();
  const clients = { BOOTSTRAP_CLIENTS: JSON.stringify([SHOP, OPERATOR]) };
  const away = testConfig(postgresUrl, clients);
  const first = await startAuth(away);
  try {
    const { access_token: token } = await requestToken(first.url, basic(OPERATOR.client_id, OPERATOR.client_secret));
    const response = await fetch(`${first.url}/v1/clients/shop/disable`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
    });
    expect(z.looseObject({ is_published: z.boolean() }).parse(await response.json()).is_published).toBe(false);
    await expect(requestToken(first.url, SHOP_BASIC)).resolves.toMatchObject({ status: 401 });
  } finally {
    await first.close();
  }
  const kafka = connectKafka({ brokers: kafkaBrokers, clientId: "test", topicPrefix });
  const admin = await kafka.admin();
  await admin.ensureTopics();
  await admin.close();
  const received = Promise.withResolvers<AuthEvent>();
  const table = await kafka.follow({
    topic: "auth-events",
    group: "test",
    apply: (changes) => {
      for (const { key, value } of changes)
        if (key === "client/shop" && value) received.resolve(AuthEvent.decode(value));
    },
    onStop: received.reject,
  });
  const second = await startAuth({ ...away, KAFKA_BROKERS: [...kafkaBrokers], KAFKA_TOPIC_PREFIX: topicPrefix });
  try {
    await expect(received.promise).resolves.toMatchObject({ subject: "shop", disabled: true });
  } finally {
    await second.close();
    await table.close();
  }
});

test("regression #30: administrators can change the same client repeatedly without Kafka", async () => {
  const { postgresUrl } = await testStack();
  const service = await startAuth(testConfig(postgresUrl, { BOOTSTRAP_CLIENTS: JSON.stringify([SHOP, OPERATOR]) }));
  try {
    const { access_token: token } = await requestToken(service.url, basic(OPERATOR.client_id, OPERATOR.client_secret));
    const statuses: number[] = [];
    for (const _time of ["first", "second", "third"]) {
      const headers = { authorization: `Bearer ${token}` };
      statuses.push((await fetch(`${service.url}/v1/clients/shop/disable`, { method: "POST", headers })).status);
    }
    expect(statuses).toEqual([200, 200, 200]);
  } finally {
    await service.close();
  }
});
