import type { ConnectionOptions } from "node:tls";
import { postgresTokens } from "@tripline/cloud-identity/open-tokens";
import type { PostgresConfig } from "@tripline/settings/connection-config";
import { readPem } from "@tripline/settings/read-certificates";
import { checkByAuthority } from "../check-authority.js";

/** A database's address, and how connections authenticate to it and verify it. */
export interface DatabaseAddress {
  /** Without `sslmode`. */
  readonly url: string;
  /** If absent, plain TCP. */
  readonly tls?: ConnectionOptions;
  /** Called for each new connection. If absent, the URL's password is used. */
  readonly password?: () => Promise<string>;
}

/** @throws TriplineError `config-invalid` if a certificate cannot be read */
export function reachDatabase(config: PostgresConfig): DatabaseAddress {
  const { POSTGRES_URL: text, POSTGRES_AUTH: auth, POSTGRES_CA_FILE: ca } = config;
  const url = new URL(text);
  const mode = url.searchParams.get("sslmode");
  url.searchParams.delete("sslmode");
  const plainUrl = mode === null ? text : url.href;
  const isSecure = mode === null ? ca !== undefined || auth !== "none" : mode !== "disable";
  const address = { url: plainUrl, ...(isSecure ? { tls: tlsOf(config, mode) } : {}) };
  if (auth === "none") return address;
  // The signature of an RDS token covers host and port.
  const host = `${url.hostname}:${url.port === "" ? 5432 : url.port}`;
  const tokens = postgresTokens(auth, config, host, decodeURIComponent(url.username));
  return { ...address, password: async () => (await tokens()).value.text };
}

function tlsOf({ POSTGRES_CA_FILE: ca, POSTGRES_AUTH: auth }: PostgresConfig, mode: string | null): ConnectionOptions {
  if (ca === undefined) return {};
  const trusted = { ca: readPem("POSTGRES_CA_FILE", ca, "CERTIFICATE") };
  if (mode === "verify-ca") return { ...trusted, checkServerIdentity: () => undefined };
  return auth === "gcp-iam" ? { ...trusted, checkServerIdentity: checkByAuthority } : trusted;
}
