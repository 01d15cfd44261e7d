import { connectKafka } from "@tripline/kafka/connect-kafka";
import { serveWorker } from "@tripline/load-tests/peers/kafka/serve-worker";

/** `packages/kafka` as the services use it. Argument: the brokers, comma-separated. */

const [brokers = ""] = process.argv.slice(2);
const kafka = connectKafka({ brokers: brokers.split(","), clientId: "tripline" });
const producer = await kafka.producer();

serveWorker({
  send: (topic, record) => producer.send([{ topic, ...record }]),
  sendMany: (topic, records) => producer.send(records.map((record) => ({ topic, ...record }))),
  async consume(topic, group, handle) {
    const consumer = await kafka.consume({
      group,
      topics: [topic],
      async handle(batches) {
        for (const { records } of batches) await handle(records.length);
      },
      onStop: (error) => {
        throw error;
      },
    });
    await consumer.ready;
    return () => consumer.close();
  },
});
