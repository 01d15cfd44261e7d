import { CompressionTypes, Kafka, logLevel } from "kafkajs";

/** More than any consumer decompresses for one batch. */
const UNPACKED_BYTES = 20 * 1024 ** 2;

/**
 * For tests: sends a record of a few kilobytes that is too large for every consumer once it is decompressed, as an
 * attacker might.
 */
export async function sendBomb(brokers: readonly string[], topic: string): Promise<void> {
  const producer = new Kafka({ brokers: [...brokers], clientId: "bomb", logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
  try {
    const messages = [{ key: "bomb", value: Buffer.alloc(UNPACKED_BYTES) }];
    await producer.send({ topic, compression: CompressionTypes.GZIP, messages });
  } finally {
    await producer.disconnect();
  }
}
