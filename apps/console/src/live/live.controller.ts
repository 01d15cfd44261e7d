import type { BeforeApplicationShutdown } from "@nestjs/common";
import { Controller, Get, Inject, Res, UseGuards } from "@nestjs/common";
import type { FastifyReply } from "fastify";
import { toDecisionRow } from "../decisions/decision-rows.js";
import { Person, RequirePermission, SessionGuard, showFor } from "../sessions/session.guard.js";
import type { Session } from "../sessions/session-store.js";
import { Sessions } from "../sessions/sessions.js";
import { EventStream } from "./event-stream.js";
import { LiveHub } from "./live-hub.js";

/** A stream is reopened after this time, so that the session is checked again. */
const STREAM_MS_MAX = 300_000;

/** Live decisions as server-sent events (HTML Living Standard, section 9.2). */
@Controller("/api/live")
@UseGuards(SessionGuard)
export class LiveController implements BeforeApplicationShutdown {
  readonly #streams = new Set<EventStream>();

  constructor(
    @Inject(LiveHub) private readonly hub: LiveHub,
    @Inject(Sessions) private readonly sessions: Sessions,
  ) {}

  @Get()
  @RequirePermission("decisions:read")
  live(@Person() session: Session, @Res() reply: FastifyReply): void {
    const show = showFor(session);
    // The stream ends when the token expires, because revocation of an expired token cannot be checked.
    const endsMs = Math.min(session.expiresAtMs, session.endsMs);
    const stream = new EventStream(reply, Math.min(STREAM_MS_MAX, endsMs - Date.now()));
    this.#streams.add(stream);
    const stop = this.hub.add({
      tenant: session.tenant,
      onSecond: (second) => {
        stream.send("second", second);
        void this.sessions.isRevoked(session).then((isRevoked) => {
          if (isRevoked) stream.end();
        });
      },
      onDecisions: (decisions) =>
        stream.send(
          "decisions",
          decisions.map((row) => toDecisionRow(row, show)),
        ),
    });
    stream.onEnd(() => {
      stop();
      this.#streams.delete(stream);
    });
  }

  /** Ends all streams, because the port closes only when all responses have ended. */
  beforeApplicationShutdown(): void {
    for (const stream of this.#streams) stream.end();
  }
}
