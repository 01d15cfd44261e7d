import type { Type } from "@nestjs/common";
import { Controller, Get, HttpCode, Inject, Post, Req, Res, UseGuards } from "@nestjs/common";
import { OpenTo } from "@tripline/nest-kit/http/open-to";
import type { FastifyReply, FastifyRequest } from "fastify";
import { InferenceServer } from "../inference/inference-server.js";
import { CertificateGuard } from "./certificate.guard.js";
import { inferCall, sendAnswer } from "./infer-call.js";
import type { ManagedRoutes } from "./managed-routes.js";
import { readBody } from "./protocol-bodies.js";
import { readManagedBody } from "./read-managed-body.js";
import { writeInferBody, writePredictions } from "./write-infer-body.js";

/** A colon begins a parameter in Fastify's paths; Vertex AI's default path ends with `:predict`. */
const escaped = (paths: readonly string[]): string[] => paths.map((path) => path.replaceAll(":", "::"));

/**
 * Implements the container contracts of SageMaker, Vertex AI and Azure ML. All paths use the same inference as gRPC.
 *
 * @returns a class, because Nest reads paths from decorators, and Vertex AI chooses its paths at startup
 */
export function managedEndpointController(routes: ManagedRoutes): Type {
  @Controller()
  class ManagedEndpointController {
    constructor(@Inject(InferenceServer) private readonly server: InferenceServer) {}

    /** Requires no authentication, like `/health`, because the platforms' probes have no certificate. */
    @OpenTo("anyone")
    @Get(escaped(routes.health))
    health(@Res({ passthrough: true }) reply: FastifyReply): { ready: boolean } {
      const ready = this.server.isReady();
      reply.status(ready ? 200 : 503);
      return { ready };
    }

    @OpenTo("clients with a certificate")
    @UseGuards(CertificateGuard)
    @Post(escaped(routes.predict))
    @HttpCode(200)
    async predict(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
      const { infer, isInstances } = readManagedBody(await readBody(request), this.server);
      const response = await this.server.infer(inferCall(request, infer.request));
      const answer = isInstances ? writePredictions(response) : writeInferBody(response, infer.isBinaryOutput);
      await sendAnswer(request, reply, answer);
    }
  }
  return ManagedEndpointController;
}
