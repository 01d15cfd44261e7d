import type { Identity } from "./local-authority.js";

/** TLS and named users for all three servers. Without it they speak plainly, and Kafka and Valkey ask nobody who he is. */
export interface StackSecurity {
  /** PEM file of the authority that signed all certificates. */
  readonly authorityFile: string;
  readonly identities: Readonly<Record<"kafka" | "redis" | "postgres", Identity>>;
  /** Common name of the certificate that may do everything on Kafka, beside the broker's own. */
  readonly kafkaSetupUser: string;
  /** Text of Valkey's ACL file. */
  readonly redisUsers: string;
  /** User and password with which the stack's own address of Valkey signs in. */
  readonly redisSetup: { readonly user: string; readonly password: string };
}
