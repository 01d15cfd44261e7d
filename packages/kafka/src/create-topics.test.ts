import { randomUUID } from "node:crypto";
import { Admin, ProtocolError } from "@platformatic/kafka";
import { testStack } from "@tripline/local-stack/testing/stack";
import { createTopics } from "./create-topics.js";

const configs = [{ name: "retention.ms", value: "60000" }];
let admin: Admin;

beforeAll(async () => {
  const { kafkaBrokers } = await testStack();
  admin = new Admin({ clientId: "test", bootstrapBrokers: [...kafkaBrokers] });
});

afterAll(() => admin.close());

/** The error of a broker that reports a timeout, but still creates the topics if `isCreated`. */
function reportTimeout(isCreated: boolean): () => void {
  const create = admin.createTopics.bind(admin);
  const slow = async (request: Parameters<typeof create>[0]) => {
    if (isCreated) await create(request);
    throw new ProtocolError("REQUEST_TIMED_OUT");
  };
  admin.createTopics = slow as typeof admin.createTopics;
  return () => {
    admin.createTopics = create;
  };
}

test.each([true, false])("regression #25: after a timeout, the topics count if they exist (%s)", async (isCreated) => {
  const restore = reportTimeout(isCreated);
  const created = createTopics(admin, [{ topic: randomUUID(), partitions: 1, configs }]);
  if (isCreated) await created;
  else await expect(created).rejects.toThrow(ProtocolError);
  restore();
});

test("accepts topics that another service created", async () => {
  const topics = [{ topic: randomUUID(), partitions: 1, configs }];
  await createTopics(admin, topics);
  await createTopics(admin, topics);
});
