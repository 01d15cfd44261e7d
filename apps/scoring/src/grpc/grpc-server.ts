import type { BeforeApplicationShutdown, OnApplicationBootstrap } from "@nestjs/common";
import { Inject, Injectable } from "@nestjs/common";
import { closeWithin } from "@tripline/nest-kit/close-within";
import { LOGGER } from "@tripline/nest-kit/service.module";
import { ServerCertificate } from "@tripline/settings/server-certificate";
import type { Logger } from "@tripline/telemetry/logger";
import type { ScoringConfig } from "../config.js";
import { SCORING_CONFIG } from "../config.js";
import { InferenceServer } from "../inference/inference-server.js";
import { HealthCheck } from "./health-service.js";
import { addInferenceService, INFERENCE_SERVICE } from "./inference-service.js";
import { addReflection } from "./reflection.js";
import type { RunningGrpc } from "./serve-grpc.js";
import { serveGrpc } from "./serve-grpc.js";

/** Service names whose health is reported; the empty name means the whole server. */
const HEALTH_OF: ReadonlySet<string> = new Set(["", INFERENCE_SERVICE]);

/** The gRPC port, if one is given: the Open Inference Protocol, health and reflection. */
@Injectable()
export class GrpcServer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #health: HealthCheck;
  #running: RunningGrpc | undefined;

  constructor(
    @Inject(SCORING_CONFIG) private readonly config: ScoringConfig,
    @Inject(InferenceServer) private readonly server: InferenceServer,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.#health = new HealthCheck((service) => (HEALTH_OF.has(service) ? server.isReady() : undefined));
  }

  /** host:port for clients on this machine; empty while the server is not running. */
  get address(): string {
    return this.#running?.address ?? "";
  }

  /** @throws TriplineError `config-invalid` if a file cannot be read or the port cannot be opened */
  async onApplicationBootstrap(): Promise<void> {
    const { GRPC_PORT: port } = this.config;
    if (port === undefined) return;
    this.#running = await serveGrpc({
      host: this.config.HOST,
      port,
      certificate: certificateOf(this.config, this.logger),
      clients: this.config.GRPC_CLIENTS,
      onRefused: (client) => this.logger.warn({ client }, "client rejected: GRPC_CLIENTS does not contain its name"),
      addServices: (to) => {
        addInferenceService(to, this.server, this.logger);
        this.#health.addTo(to);
        addReflection(to);
      },
    });
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#health.end();
    await closeWithin(this.logger, "grpc", () => this.#running?.stop());
  }
}

function certificateOf(config: ScoringConfig, logger: Logger): ServerCertificate | undefined {
  const { GRPC_CERT_FILE: certificate, GRPC_KEY_FILE: key, GRPC_CLIENT_CA_FILE: authorities } = config;
  if (certificate === undefined || key === undefined) return undefined;
  const files = {
    certificate: { variable: "GRPC_CERT_FILE", path: certificate },
    key: { variable: "GRPC_KEY_FILE", path: key },
    clientAuthorities: authorities === undefined ? undefined : { variable: "GRPC_CLIENT_CA_FILE", path: authorities },
  };
  return new ServerCertificate(files, {
    onRenewed: () => logger.info("loaded the renewed certificate of the gRPC port"),
    onFault: (error) => logger.error({ err: error }, "the new certificate is unusable; the previous one stays in use"),
  });
}
