import { z } from "zod";
import { kafkaConfig, readConfig, redisConfig, serviceConfig } from "./read-config.js";

const schema = z.object({ ...serviceConfig, ...kafkaConfig, ...redisConfig });

describe("readConfig", () => {
  test("parses and freezes the settings", () => {
    const config = readConfig(schema, { PORT: "8080", KAFKA_BROKERS: "a:1, b:2", REDIS_URL: "redis://h:1" });
    expect(config).toMatchObject({ PORT: 8080, HOST: "127.0.0.1", KAFKA_BROKERS: ["a:1", "b:2"] });
    expect(Object.isFrozen(config)).toBe(true);
  });

  test("names all invalid variables together", () => {
    const read = () => readConfig(schema, { PORT: "99999", KAFKA_BROKERS: "nonsense" });
    expect(read).toThrow(/PORT: .*KAFKA_BROKERS.*host:port.*REDIS_URL is not set/);
  });
});
