import { Controller, Get, Inject, Res, UseGuards } from "@nestjs/common";
import type { ServerMetadataResponse } from "@tripline/contracts/generated/inference/grpc_predict_v2";
import { OpenTo } from "@tripline/nest-kit/http/open-to";
import type { FastifyReply } from "fastify";
import { InferenceServer } from "../inference/inference-server.js";
import { CertificateGuard } from "./certificate.guard.js";
import { messageJson } from "./describe-json.js";

/** The Open Inference Protocol over HTTP and JSON, with Triton's extensions: the routes of the whole server. */
@OpenTo("clients with a certificate")
@UseGuards(CertificateGuard)
@Controller("/v2")
export class ServerController {
  constructor(@Inject(InferenceServer) private readonly server: InferenceServer) {}

  @Get()
  metadata(): ServerMetadataResponse {
    return this.server.metadata();
  }

  @Get("health/live")
  live(): { live: true } {
    return { live: true };
  }

  @Get("health/ready")
  ready(@Res({ passthrough: true }) reply: FastifyReply): { ready: boolean } {
    const ready = this.server.isReady();
    reply.status(ready ? 200 : 503);
    return { ready };
  }

  @Get("models/stats")
  statistics(): { model_stats: unknown } {
    return { model_stats: messageJson(this.server.statistics("", "")) };
  }
}
