import type { Identity } from "./local-authority.js";

/**
 * TLS and named users for all three servers. If absent, the servers use plain connections, and Kafka and Valkey require
 * no authentication.
 */
export interface StackSecurity {
  /** PEM file of the authority that signed all certificates. */
  readonly authorityFile: string;
  readonly identities: Readonly<Record<"kafka" | "redis" | "postgres", Identity>>;
  /** Common name of a client certificate that, like the broker's own certificate, has all rights on Kafka. */
  readonly kafkaSetupUser: string;
  /** Text of Valkey's ACL file. */
  readonly redisUsers: string;
  /** User and password in the stack's own Valkey URL. */
  readonly redisSetup: { readonly user: string; readonly password: string };
}
