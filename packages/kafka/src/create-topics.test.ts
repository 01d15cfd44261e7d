import { randomUUID } from "node:crypto";
import { Admin, ProtocolError } from "@platformatic/kafka";
import { TOPICS } from "@tripline/contracts/topics";
import { testStack } from "@tripline/local-stack/testing/stack";
import { AdministeredKafka } from "./administered-kafka.js";
import { createTopics } from "./create-topics.js";

const configs = [{ name: "retention.ms", value: "60000" }];
let admin: Admin;
let kafkaBrokers: string[];

beforeAll(async () => {
  ({ kafkaBrokers } = await testStack());
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

test("regression #25: creates a topic that a broker still lists after it was deleted", async () => {
  const topicPrefix = randomUUID();
  const cluster = { brokers: kafkaBrokers, clientId: "test" };
  const kafka = new AdministeredKafka({ cluster, topicPrefix, log: () => {}, topics: [TOPICS.labels] });
  const list = Admin.prototype.listTopics;
  const listed = jest.spyOn(Admin.prototype, "listTopics").mockImplementation(async function (this: Admin) {
    return listed.mock.calls.length === 1 ? [topicPrefix + TOPICS.labels.name] : list.call(this, {});
  } as typeof list);
  try {
    expect([...(await kafka.ensureTopics()).keys()]).toEqual([TOPICS.labels.name]);
  } finally {
    await kafka.close();
  }
});
