import type { ChannelCredentials } from "@grpc/grpc-js";
import { credentials } from "@grpc/grpc-js";
import { readPem } from "@tripline/service-kit/config/read-certificates";
import type { DecisionsConfig } from "../config.js";

/** @throws TriplineError `config-invalid` where a file cannot be read */
export function scoringCredentials(config: DecisionsConfig): ChannelCredentials {
  if (!config.SCORING_TLS) return credentials.createInsecure();
  const { SCORING_CA_FILE: ca, SCORING_CERT_FILE: certificate, SCORING_KEY_FILE: key } = config;
  const pem = (variable: string, path: string | undefined, kind: "CERTIFICATE" | "PRIVATE KEY"): Buffer | null =>
    path === undefined ? null : Buffer.from(readPem(variable, path, kind));
  return credentials.createSsl(
    pem("SCORING_CA_FILE", ca, "CERTIFICATE"),
    pem("SCORING_KEY_FILE", key, "PRIVATE KEY"),
    pem("SCORING_CERT_FILE", certificate, "CERTIFICATE"),
  );
}
