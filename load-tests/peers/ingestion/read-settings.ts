import { kafkaConfig, redisConfig, serviceConfig, tokenConfig } from "@tripline/service-kit/config/read-config";
import { z } from "zod";

/** What the benchmark tells the peers: the same as it tells the service. */
export const peerSettings = z.object({
  ...serviceConfig,
  ...kafkaConfig,
  ...redisConfig,
  ...tokenConfig,
  CARD_TOKEN_KEY: z.string().transform((text) => Buffer.from(text, "base64")),
  /** Of the bare route: with Kafka and Redis behind it, or nothing. */
  WORK: z.enum(["all", "none"]).default("all"),
  /** Of the Express peer: whether a valid token is checked again. */
  TOKENS: z.enum(["checked", "cached"]).default("checked"),
});

export type PeerSettings = Readonly<z.infer<typeof peerSettings>>;
