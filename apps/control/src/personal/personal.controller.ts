import { Body, Controller, HttpCode, Inject, Post, Req, UseGuards, UseInterceptors } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { PERSONAL_FIELDS } from "@tripline/contracts/generated/payment-fields";
import { invalidFields } from "@tripline/http/describe-issues";
import { parseRequest } from "@tripline/http/parse-request";
import { RequireScope, TokenGuard } from "@tripline/nest-kit/http/token.guard";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import { PersonalOpener } from "@tripline/sealing/open-personal";
import { splitSealed } from "@tripline/sealing/sealed-layout";
import type { FastifyRequest } from "fastify";
import type { ControlConfig } from "../config.js";
import { CONTROL_CONFIG } from "../config.js";
import type { Managed } from "../requests/managed-tenant.js";
import { managedBy } from "../requests/managed-tenant.js";
import { ErasureFollower } from "./erasure-follower.js";
import { ErasurePublisher } from "./erasure-publisher.js";
import { PersonExport } from "./person-export.js";
import { newErasure, newExport, sealedPayments } from "./personal-requests.js";
import type { KeyRow } from "./subject-keys.js";
import { SubjectKeys, seenWith } from "./subject-keys.js";

/** Decrypts personal data of a tenant's payments for authorised callers, and erases it. */
@Controller("/v1")
@UseGuards(TokenGuard)
@UseInterceptors(TraceInterceptor)
export class PersonalController {
  constructor(
    @Inject(SubjectKeys) private readonly keys: SubjectKeys,
    @Inject(ErasurePublisher) private readonly publisher: ErasurePublisher,
    @Inject(ErasureFollower) private readonly erasures: ErasureFollower,
    @Inject(PersonExport) private readonly people: PersonExport,
    /** Undefined if no master key is configured. */
    @Inject(PersonalOpener) private readonly opener: PersonalOpener | undefined,
    @Inject(CONTROL_CONFIG) private readonly config: ControlConfig,
  ) {}

  @Post("erasures")
  @HttpCode(200)
  @RequireScope("personal:erase")
  async erase(@Req() request: FastifyRequest, @Body() body: unknown): Promise<object> {
    const { subject } = parseRequest(newErasure, body);
    const { keys, seenWith: others } = await this.keys.erase(this.#by(request), subject);
    await this.publisher.flush();
    return { subject, keys, seen_with: others };
  }

  /** The data that control stores about a person. `tripline personal export` collects the data of all services. */
  @Post("personal/export")
  @HttpCode(200)
  @RequireScope("personal:read")
  async export(@Req() request: FastifyRequest, @Body() body: unknown): Promise<object> {
    const { subject } = parseRequest(newExport, body);
    const by = this.#by(request);
    await this.erasures.known();
    const { keys, listEntries, erasedAt } = await this.people.show(by, subject);
    return {
      tenant: by.tenant,
      subject,
      erased_at: erasedAt ?? null,
      keys,
      seen_with: seenWith(keys, subject),
      list_entries: listEntries,
    };
  }

  /** Records each decryption for the audit log before it returns the data. */
  @Post("personal/open")
  @HttpCode(200)
  @RequireScope("personal:read")
  async open(@Req() request: FastifyRequest, @Body() body: unknown): Promise<object> {
    const { payments, reason } = parseRequest(sealedPayments, body);
    const { opener } = this;
    if (opener === undefined)
      throw new TriplineError(
        "not-found",
        "Personal data is unavailable: PERSONAL_MASTER_KEY is not set for this service.",
      );
    const by = this.#by(request);
    await this.erasures.known();
    const parts = payments.map(({ personal }) => splitSealed(Buffer.from(personal, "base64")));
    const [known, erased] = await Promise.all([
      this.keys.find(
        by.tenant,
        parts.flatMap((part) => (part === undefined ? [] : [part.keyId])),
      ),
      this.keys.erasedAmong(
        by.tenant,
        payments.flatMap(({ subjects }) => subjects),
      ),
    ]);
    const opened = await Promise.all(
      payments.map(async ({ transaction_id: id, subjects }, index) => {
        const part = parts[index];
        const key = part && known.get(part.keyId.toString("hex"));
        const fields = part && key && (await openWith(opener, part.sealed, key, by.tenant, id));
        return {
          transaction_id: id,
          fields: fields ?? null,
          erased: fields === undefined && subjects.some((subject) => erased.has(subject)),
        };
      }),
    );
    const cards = [...new Set([...known.values()].map((key) => key.card_token))];
    const ids = payments.map(({ transaction_id: id }) => id);
    await this.keys.noteOpened(by, ids, cards, reason);
    return { payments: opened };
  }

  #by(request: FastifyRequest): Managed {
    const managed = managedBy(request, this.config.OPERATOR_TENANT);
    if (managed.tenant !== "") return managed;
    throw invalidFields([{ pointer: "/tenant", detail: "must be set, because every person belongs to a tenant" }]);
  }
}

async function openWith(opener: PersonalOpener, sealed: Uint8Array, key: KeyRow, tenant: string, id: string) {
  const subject = { tenant, cardToken: key.card_token, emailToken: key.email_token, otherTokens: key.other_tokens };
  const stored = { wrapped: key.wrapped, wrappedEnvelope: key.wrapped_envelope };
  const fields = await opener.open(sealed, stored, subject, id);
  if (fields === undefined) return undefined;
  return Object.fromEntries(Object.entries(PERSONAL_FIELDS).map(([name, key]) => [name, fields[key]]));
}
