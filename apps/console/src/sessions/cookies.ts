import { Inject, Injectable } from "@nestjs/common";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { ConsoleConfig } from "../config.js";
import { CONSOLE_CONFIG } from "../config.js";

/** The value of one cookie of a request (RFC 6265). */
export function readCookie({ headers }: Pick<FastifyRequest, "headers">, name: string): string | undefined {
  const pairs = (headers.cookie ?? "").split(";").map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
}

/**
 * Cookies that scripts cannot read and other sites cannot send along with a form. With TLS, their name prefix binds
 * them to this host. Plain HTTP is only for a single machine.
 */
@Injectable()
export class Cookies {
  readonly #isSecure: boolean;

  constructor(@Inject(CONSOLE_CONFIG) { CONSOLE_URL: url }: Pick<ConsoleConfig, "CONSOLE_URL">) {
    const { protocol, hostname } = new URL(url);
    const isLoopback = hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.");
    this.#isSecure = protocol === "https:" || !isLoopback;
  }

  nameOf(name: string): string {
    return this.#isSecure ? `__Host-${name}` : name;
  }

  read(request: Pick<FastifyRequest, "headers">, name: string): string | undefined {
    return readCookie(request, this.nameOf(name));
  }

  set(reply: FastifyReply, name: string, value: string, maxAgeS: number): void {
    const secure = this.#isSecure ? "; Secure" : "";
    const cookie = `${this.nameOf(name)}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${maxAgeS}${secure}`;
    // Each call adds another cookie to the response.
    reply.header("set-cookie", cookie);
  }

  clear(reply: FastifyReply, name: string): void {
    this.set(reply, name, "", 0);
  }
}
