import type { ChannelCredentials } from "@grpc/grpc-js";
import { credentials, experimental } from "@grpc/grpc-js";
import { readPem } from "@tripline/settings/read-certificates";
import type { DecisionsConfig } from "../config.js";

/**
 * Interval at which the files are read again. A connection lives at most two minutes, and the next one uses the new
 * files.
 */
const LOOK_EVERY_MS = 10_000;

/** @throws TriplineError `config-invalid` if a file cannot be read */
export function scoringCredentials(config: DecisionsConfig): ChannelCredentials {
  if (!config.SCORING_TLS) return credentials.createInsecure();
  const { SCORING_CA_FILE: ca, SCORING_CERT_FILE: certificate, SCORING_KEY_FILE: key } = config;
  const pem = (variable: string, path: string | undefined, kind: "CERTIFICATE" | "PRIVATE KEY"): Buffer | null =>
    path === undefined ? null : Buffer.from(readPem(variable, path, kind));
  const now = [
    pem("SCORING_CA_FILE", ca, "CERTIFICATE"),
    pem("SCORING_KEY_FILE", key, "PRIVATE KEY"),
    pem("SCORING_CERT_FILE", certificate, "CERTIFICATE"),
  ] as const;
  if (ca === undefined || certificate === undefined || key === undefined) return credentials.createSsl(...now);
  const files = new experimental.FileWatcherCertificateProvider({
    caCertificateFile: ca,
    certificateFile: certificate,
    privateKeyFile: key,
    refreshIntervalMs: LOOK_EVERY_MS,
  });
  return experimental.createCertificateProviderChannelCredentials(files, files);
}
