import { Readable } from "node:stream";
import type { OnModuleInit } from "@nestjs/common";
import {
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Param,
  Post,
  Req,
  Res,
  UseGuards,
  UseInterceptors,
} from "@nestjs/common";
import { HttpAdapterHost } from "@nestjs/core";
import { TriplineError } from "@tripline/contracts/error-table";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { parseCaseId, workerOf } from "../cases/case-requests.js";
import { CaseStore } from "../cases/case-store.js";
import type { CaseAttachment } from "../contract/attachments.js";
import { AtOnce } from "../requests/at-once.js";
import { Person, RequirePermission, requirePermission, SessionGuard } from "../sessions/session.guard.js";
import type { Session } from "../sessions/session-store.js";
import { ViewEvents } from "../view-events.js";
import { AttachmentStore } from "./attachment-store.js";

/** Maximum number of concurrent transfers, limited because each file is in memory as a whole. */
const TRANSFERS_AT_ONCE_MAX = 4;
const BYTES = "application/octet-stream";

export const attachmentId = z.object({ attachment: z.uuid() });

/** Files that users add to a case. */
@Controller("/api/cases/:id/attachments")
@UseGuards(SessionGuard)
@UseInterceptors(TraceInterceptor)
export class AttachmentsController implements OnModuleInit {
  readonly #transfers = new AtOnce(TRANSFERS_AT_ONCE_MAX, "files are being uploaded");

  constructor(
    @Inject(CaseStore) private readonly cases: CaseStore,
    @Inject(AttachmentStore) private readonly attachments: AttachmentStore,
    @Inject(ViewEvents) private readonly viewEvents: ViewEvents,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
  ) {}

  /** The handler reads the body itself, after checking the user and the case. */
  onModuleInit(): void {
    const fastify: FastifyInstance = this.host.httpAdapter.getInstance();
    fastify.addContentTypeParser(BYTES, (request, payload, done) => {
      if (request.routeOptions.url?.endsWith("/attachments")) done(null, payload);
      else done(new TriplineError("unsupported-media-type", "This endpoint accepts only JSON."));
    });
  }

  @Post()
  @HttpCode(201)
  @RequirePermission("cases:write")
  async add(
    @Person() session: Session,
    @Param() path: unknown,
    @Req() request: FastifyRequest,
  ): Promise<CaseAttachment> {
    const found = await this.cases.find(session.tenant, parseCaseId(path));
    const { limits } = this.attachments;
    if (limits === null) throw new TriplineError("not-found", "Attachments are not configured.");
    const name = readName(request.headers["x-file-name"]);
    return this.#transfers.run(async () => {
      const content = await readBytes(request, limits.bytesMax);
      return this.attachments.add(workerOf(session), found.id, name, content);
    });
  }

  /** A file cannot be masked, so only users who may see personal data can open it. */
  @Get(":attachment")
  @RequirePermission("personal:read")
  async read(@Person() session: Session, @Param() path: unknown, @Res() reply: FastifyReply): Promise<void> {
    requirePermission(session, "cases:read");
    const id = parseAttachmentId(path);
    const { of, content } = await this.#transfers.run(async () => {
      const file = await this.attachments.read(session.tenant, parseCaseId(path), id);
      await this.viewEvents.record(session, "attachment", id, { case: parseCaseId(path), sha256: file.of.sha256 });
      return file;
    });
    await reply
      .headers({
        "content-disposition": `attachment; filename*=UTF-8''${encodeName(of.name)}`,
        "content-security-policy": "default-src 'none'; sandbox",
        "x-content-type-options": "nosniff",
      })
      .type(of.mediaType === "text/plain" ? "text/plain; charset=utf-8" : of.mediaType)
      .send(Buffer.from(content));
  }

  @Delete(":attachment")
  @HttpCode(204)
  @RequirePermission("cases:write")
  async remove(@Person() session: Session, @Param() path: unknown): Promise<void> {
    await this.attachments.remove(workerOf(session), parseCaseId(path), parseAttachmentId(path));
  }
}

function parseAttachmentId(path: unknown): string {
  const found = attachmentId.safeParse(path);
  if (!found.success) throw new TriplineError("not-found", "This file does not exist in this case.");
  return found.data.attachment;
}

function readName(header: string | string[] | undefined): string {
  try {
    return decodeURIComponent(String(header ?? ""));
  } catch {
    throw new TriplineError("invalid-header", "x-file-name must be percent-encoded UTF-8.");
  }
}

/** @throws TriplineError `body-too-large` as soon as the limit is exceeded; `invalid-field` for an empty file */
async function readBytes({ headers, body }: FastifyRequest, bytesMax: number): Promise<Buffer> {
  if (!(body instanceof Readable)) throw new TriplineError("unsupported-media-type", `Send the file as ${BYTES}.`);
  const tooLarge = new TriplineError("body-too-large", `The file is larger than ${bytesMax / 1_000_000} MB.`);
  if (Number(headers["content-length"] ?? 0) > bytesMax) throw tooLarge;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw tooLarge;
    chunks.push(chunk);
  }
  if (bytes === 0) throw new TriplineError("invalid-field", "The file is empty.");
  return Buffer.concat(chunks);
}

/** RFC 8187: URL encoding leaves more characters unescaped than this header allows. */
function encodeName(name: string): string {
  return encodeURIComponent(name).replaceAll(/['()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
}
