import { Controller, HttpCode, Inject, Param, Post, Req, UseGuards } from "@nestjs/common";
import { OpenTo } from "@tripline/nest-kit/http/open-to";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { InferenceServer } from "../inference/inference-server.js";
import { CertificateGuard } from "./certificate.guard.js";
import { messageJson } from "./describe-json.js";
import { readJson } from "./protocol-bodies.js";

const indexBody = z.object({ ready: z.boolean().default(false) });
const controlBody = z.object({ parameters: z.record(z.string(), z.unknown()).default({}) });

/** Triton's extension to list, load and unload models. */
@OpenTo("clients with a certificate")
@UseGuards(CertificateGuard)
@Controller(["/v2/repository", "/v2/repository/:repository"])
export class RepositoryController {
  constructor(@Inject(InferenceServer) private readonly server: InferenceServer) {}

  @Post("index")
  @HttpCode(200)
  async index(@Req() request: FastifyRequest, @Param("repository") repository = ""): Promise<unknown> {
    const { ready } = await readJson(request, indexBody);
    return messageJson(await this.server.index(repository, ready));
  }

  @Post("models/:name/load")
  @HttpCode(200)
  async load(
    @Req() request: FastifyRequest,
    @Param("name") name: string,
    @Param("repository") repository = "",
  ): Promise<Record<string, never>> {
    const { parameters } = await readJson(request, controlBody);
    await this.server.load(repository, name, Object.keys(parameters));
    return {};
  }

  @Post("models/:name/unload")
  @HttpCode(200)
  async unload(
    @Req() request: FastifyRequest,
    @Param("name") name: string,
    @Param("repository") repository = "",
  ): Promise<Record<string, never>> {
    await readJson(request, controlBody);
    await this.server.unload(repository, name);
    return {};
  }
}
