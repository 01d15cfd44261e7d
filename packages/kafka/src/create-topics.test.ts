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

/** Makes the broker report a timeout for each request, but still create the topics if `isCreated`. */
function reportTimeouts(isCreated: boolean): void {
  const create = admin.createTopics.bind(admin);
  jest.spyOn(admin, "createTopics").mockImplementation((async (request: Parameters<typeof create>[0]) => {
    if (isCreated) await create(request);
    throw new ProtocolError("REQUEST_TIMED_OUT");
  }) as typeof admin.createTopics);
}

afterEach(() => jest.restoreAllMocks());

test.each([true, false])("regression #25: after a timeout, the topics count if they exist (%s)", async (isCreated) => {
  reportTimeouts(isCreated);
  const created = createTopics(admin, [{ topic: randomUUID(), partitions: 1, configs }]);
  if (isCreated) await created;
  else await expect(created).rejects.toThrow(ProtocolError);
});

test("regression #25: does not depend on when brokers list a new topic", async () => {
  reportTimeouts(true);
  jest.spyOn(admin, "listTopics").mockResolvedValue([]);
  await createTopics(admin, [{ topic: randomUUID(), partitions: 1, configs }]);
});

test("accepts topics that another service created", async () => {
  const topics = [{ topic: randomUUID(), partitions: 1, configs }];
  await createTopics(admin, topics);
  await createTopics(admin, topics);
});
