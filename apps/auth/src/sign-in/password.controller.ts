import { createHash } from "node:crypto";
import { Controller, Get, Inject, Post, Req, Res, UseInterceptors } from "@nestjs/common";
import { OpenTo } from "@tripline/nest-kit/http/open-to";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { FastifyReply, FastifyRequest } from "fastify";
import { noteAction } from "../admin/note-action.js";
import { hashPassword } from "../people/hash-password.js";
import { password } from "../people/person-registration.js";
import { RevocationPublisher } from "../revocations/revocation-publisher.js";
import { revoke } from "../revocations/revocation-store.js";
import { ownerAsActor } from "../second-factor/passkeys.js";
import type { SignedIn } from "./account.js";
import { Account } from "./account.js";
import { ownPasswordPage } from "./account-pages.js";
import { sendPage, tooManyAttempts } from "./forms.js";
import { messagePage } from "./sign-in-pages.js";

const TITLE = "Your password";

/** Lets a signed-in user change the password. This ends the user's other sessions and revokes all tokens. */
@OpenTo("users who are signed in to auth")
@Controller("/account/password")
@UseInterceptors(TraceInterceptor)
export class PasswordController {
  constructor(
    @Inject(Account) private readonly account: Account,
    @Inject(DATABASE) private readonly database: Database,
    @Inject(RevocationPublisher) private readonly publisher: RevocationPublisher,
  ) {}

  @Get()
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const signedIn = await this.account.signedIn(request, reply, TITLE);
    if (signedIn !== undefined) sendPage(reply, 200, ownPasswordPage({ csrf: this.account.csrf(signedIn) }));
  }

  @Post()
  async change(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const submitted = await this.account.submitted(request, reply, TITLE);
    if (submitted === undefined) return;
    const { signedIn, form } = submitted;
    const again = (status: number, error: string): void => {
      sendPage(reply, status, ownPasswordPage({ csrf: form.csrf, error }));
    };
    const chosen = password.safeParse(form.new_password);
    if (!chosen.success) return again(422, `The new password ${chosen.error.issues[0]?.message ?? "is not good"}.`);
    if (form.new_password === form.password) return again(422, "Choose a password that differs from your current one.");
    const outcome = await this.account.attemptPassword(signedIn, form.password, request);
    if (typeof outcome === "object") return again(429, tooManyAttempts(reply, outcome));
    if (!outcome) return again(422, "Your current password is wrong.");
    await this.#change(signedIn, await hashPassword(form.new_password));
    sendPage(reply, 200, messagePage(TITLE, "Your password was changed, and you are signed out everywhere else."));
  }

  async #change({ person, sessionUid }: SignedIn, hash: string): Promise<void> {
    const { person_id: id, tenant } = person;
    await this.database.transaction(async (transaction) => {
      await transaction.execute("UPDATE auth.people SET password_hash = $2 WHERE person_id = $1", [id, hash]);
      await revoke(transaction, { kind: "person", id, tenant }, false, { keepsSignIns: true });
      // The session of this browser stays, but its tokens are revoked, so clients must request new ones.
      await transaction.execute(
        "DELETE FROM auth.sign_ins WHERE person_id = $1 AND NOT (model = 'Session' AND uid = $2)",
        [id, createHash("sha256").update(sessionUid).digest()],
      );
      await noteAction(transaction, ownerAsActor(person), "password", { kind: "person", id });
    });
    await this.publisher.publish();
  }
}
