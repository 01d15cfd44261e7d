import { Controller, Get, HttpCode, Inject, Param, Post, Req, Res, UseGuards } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import type { ModelMetadataResponse } from "@tripline/contracts/generated/inference/grpc_predict_v2";
import { OpenTo } from "@tripline/nest-kit/http/open-to";
import type { FastifyReply, FastifyRequest } from "fastify";
import { InferenceServer } from "../inference/inference-server.js";
import { CertificateGuard } from "./certificate.guard.js";
import { configJson, messageJson } from "./describe-json.js";
import { inferCall, sendAnswer } from "./infer-call.js";
import { headerOf, readBody } from "./protocol-bodies.js";
import { readInferBody } from "./read-infer-body.js";
import { writeInferBody } from "./write-infer-body.js";

/** Routes of one model, with or without a version. */
@OpenTo("clients with a certificate")
@UseGuards(CertificateGuard)
@Controller(["/v2/models/:name", "/v2/models/:name/versions/:version"])
export class ModelController {
  constructor(@Inject(InferenceServer) private readonly server: InferenceServer) {}

  @Get()
  metadata(@Param("name") name: string, @Param("version") version = ""): ModelMetadataResponse {
    return this.server.modelMetadata(name, version);
  }

  @Get("config")
  config(@Param("name") name: string, @Param("version") version = ""): unknown {
    return configJson(this.server.modelConfig(name, version));
  }

  @Get("stats")
  statistics(@Param("name") name: string, @Param("version") version = ""): { model_stats: unknown } {
    return { model_stats: messageJson(this.server.statistics(name, version)) };
  }

  @Get("ready")
  ready(@Param("name") name: string, @Param("version") version = ""): { name: string; ready: true } {
    if (this.server.isModelReady(name, version)) return { name, ready: true };
    // The message says whether the model is unknown, not loaded or broken.
    this.server.modelMetadata(name, version);
    throw new TriplineError("scoring-unavailable", `Model ${name} is not ready.`);
  }

  @Post("infer")
  @HttpCode(200)
  async infer(
    @Param("name") name: string,
    @Param("version") version = "",
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const headerLength = headerOf(request, "inference-header-content-length");
    const infer = readInferBody(await readBody(request), headerLength, name, version);
    const response = await this.server.infer(inferCall(request, infer.request));
    await sendAnswer(request, reply, writeInferBody(response, infer.isBinaryOutput));
  }
}
