import type { RunningService, ServiceOptions } from "@tripline/nest-kit/start-service";
import { startService } from "@tripline/nest-kit/start-service";
import { httpPort } from "@tripline/settings/read-config";
import { createLogger } from "@tripline/telemetry/logger";
import type { ScoringConfig } from "./config.js";
import { GrpcServer } from "./grpc/grpc-server.js";
import { InferenceErrorFilter } from "./rest/inference-error.filter.js";
import { ScoringModule } from "./scoring.module.js";

export interface RunningScoring extends RunningService {
  /** host:port of the Open Inference Protocol. */
  readonly grpcAddress: string;
}

/** HTTP requests the client certificates that gRPC requires. `CertificateGuard` checks them. */
function clientCertificates(config: ScoringConfig): Pick<ServiceOptions, "certificate"> | object {
  const { certificate } = httpPort(config);
  const { GRPC_CLIENT_CA_FILE: path } = config;
  if (certificate === undefined || path === undefined) return {};
  const clientAuthorities = { variable: "GRPC_CLIENT_CA_FILE", path };
  return { certificate: { ...certificate, clientAuthorities, isClientOptional: true } };
}

/**
 * Starts the scoring service: first the models, then the ports, so that no request arrives before there are models.
 *
 * @throws TriplineError `model-not-found` or `model-refused` if no model can be served, `config-invalid` if the
 *   registry, a port or an execution provider is unavailable
 */
export async function startScoring(config: ScoringConfig): Promise<RunningScoring> {
  const logger = createLogger("scoring", config.LOG_LEVEL);
  const service = await startService({
    name: "scoring",
    ...httpPort({ ...config, PORT: config.AIP_HTTP_PORT ?? config.PORT }),
    ...clientCertificates(config),
    logger,
    module: ScoringModule.forRoot(config),
    filter: new InferenceErrorFilter(logger, config),
  });
  return { ...service, grpcAddress: service.get(GrpcServer).address };
}
