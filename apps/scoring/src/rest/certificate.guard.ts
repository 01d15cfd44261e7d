import { TLSSocket } from "node:tls";
import type { CanActivate, ExecutionContext } from "@nestjs/common";
import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import type { FastifyRequest } from "fastify";
import type { ScoringConfig } from "../config.js";
import { SCORING_CONFIG } from "../config.js";

/**
 * Accepts the same clients as gRPC: with `GRPC_CLIENT_CA_FILE`, those with a certificate from these authorities and a
 * common name in `GRPC_CLIENTS`. The connection itself does not require a certificate, because `/health` probes do not
 * have one.
 */
@Injectable()
export class CertificateGuard implements CanActivate {
  constructor(
    @Inject(SCORING_CONFIG) private readonly config: ScoringConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    if (this.config.GRPC_CLIENT_CA_FILE === undefined) return true;
    const { socket } = context.switchToHttp().getRequest<FastifyRequest>().raw;
    const client = clientOf(socket);
    const { GRPC_CLIENTS: served } = this.config;
    if (client !== undefined && (served === undefined || served.includes(client))) return true;
    if (client !== undefined) {
      this.logger.warn({ client }, "client rejected: GRPC_CLIENTS does not contain its name");
    }
    throw new TriplineError("client-not-served", "Scoring accepts only clients with an authorised certificate.");
  }
}

/** The common name in the client's certificate; undefined without a valid one. */
function clientOf(socket: unknown): string | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const name = socket.getPeerCertificate().subject?.CN;
  return typeof name === "string" ? name : undefined;
}
