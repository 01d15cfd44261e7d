import type { CanActivate, ExecutionContext } from "@nestjs/common";
import { Inject, Injectable, UnauthorizedException } from "@nestjs/common";
import { createRemoteJWKSet, jwtVerify } from "jose";
import type { FrontSettings } from "../read-settings.js";
import { SETTINGS } from "../read-settings.js";

export interface AuthorizedRequest {
  readonly headers: Readonly<Record<string, string | undefined>>;
  tenant?: string;
}

interface Known {
  readonly tenant: string;
  readonly expiresAtMs: number;
}

const CACHED_TOKENS_MAX = 10_000;

/** The guard of https://docs.nestjs.com/security/authentication: takes the bearer token and verifies it. */
@Injectable()
export class TokenGuard implements CanActivate {
  private readonly keys: ReturnType<typeof createRemoteJWKSet>;
  private readonly known = new Map<string, Known>();

  constructor(@Inject(SETTINGS) private readonly settings: FrontSettings) {
    this.keys = createRemoteJWKSet(new URL(settings.AUTH_JWKS_URL));
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<AuthorizedRequest>();
    const [type, token] = request.headers.authorization?.split(" ") ?? [];
    if (type !== "Bearer" || token === undefined) throw new UnauthorizedException();
    const known = this.known.get(token);
    if (known !== undefined && known.expiresAtMs > Date.now()) {
      request.tenant = known.tenant;
      return true;
    }
    request.tenant = await this.verify(token);
    return true;
  }

  private async verify(token: string): Promise<string> {
    const { AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience } = this.settings;
    try {
      const { payload } = await jwtVerify(token, this.keys, { issuer, audience });
      const scopes = String(payload.scope).split(" ");
      if (typeof payload.tenant !== "string" || !scopes.includes("transactions:write")) throw new Error("scope");
      if (this.known.size < CACHED_TOKENS_MAX) {
        this.known.set(token, { tenant: payload.tenant, expiresAtMs: (payload.exp ?? 0) * 1_000 });
      }
      return payload.tenant;
    } catch {
      throw new UnauthorizedException();
    }
  }
}
