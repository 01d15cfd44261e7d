import { Controller, Get, Inject, Req, UseGuards, UseInterceptors } from "@nestjs/common";
import type { ListedVersion, RecordingRegistry } from "@tripline/model-registry/model-registry";
import { OperatorOnly } from "@tripline/nest-kit/http/open-to";
import { RequireScope, TokenGuard } from "@tripline/nest-kit/http/token.guard";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import type { FastifyRequest } from "fastify";
import type { ControlConfig } from "../config.js";
import { CONTROL_CONFIG } from "../config.js";
import { operatorOf } from "../requests/managed-tenant.js";
import { byHand, isRetrained, offlineOf } from "../rollouts/offline-comparison.js";
import { CHAMPION_ALIAS, MODEL_REGISTRY } from "../rollouts/rollouts.js";
import { LimitStore } from "./limit-store.js";
import { isoTime, presentContract } from "./model-contract.js";
import { whyNotInEffect } from "./promotion-limits.js";
import type { KnownVersion } from "./version-store.js";
import { VersionStore } from "./version-store.js";

const MODELS_MAX = 20;
/** Number of versions that are shown per model: the newest ones. The champion is always shown. */
const VERSIONS_MAX = 50;

/** The models in the registry, with the model cards of their versions. */
@Controller("/v1/models")
@OperatorOnly(true)
@UseGuards(TokenGuard)
@UseInterceptors(TraceInterceptor)
export class ModelsController {
  constructor(
    @Inject(VersionStore) private readonly versions: VersionStore,
    @Inject(LimitStore) private readonly limits: LimitStore,
    @Inject(MODEL_REGISTRY) private readonly registry: Pick<RecordingRegistry, "models" | "list">,
    @Inject(CONTROL_CONFIG) private readonly config: Pick<ControlConfig, "OPERATOR_TENANT" | "MODEL_CARDS_REQUIRED">,
  ) {}

  @Get()
  @RequireScope("models:read")
  async list(@Req() request: FastifyRequest) {
    operatorOf(request, this.config.OPERATOR_TENANT);
    const names = (await this.registry.models()).slice(0, MODELS_MAX);
    return {
      is_card_required: this.config.MODEL_CARDS_REQUIRED,
      models: await Promise.all(names.map((name) => this.#present(name))),
    };
  }

  async #present(name: string) {
    const [listed, known, limits] = await Promise.all([
      this.registry.list(name),
      this.versions.knownOf(name),
      this.#limitsOf(name),
    ]);
    const champion = listed.find(({ aliases }) => aliases.includes(CHAMPION_ALIAS))?.version ?? null;
    const shown = listed.filter(({ version }, at) => at >= listed.length - VERSIONS_MAX || version === champion);
    const present = (one: ListedVersion) => presentVersion(name, one, champion, known.get(one.version));
    return { name, champion, limits, versions: shown.toReversed().map(present) };
  }

  async #limitsOf(model: string) {
    const found = await this.limits.of(model);
    if (found === undefined) return null;
    const past = await this.limits.pastOf(model, found);
    const { limits, expiresAtMs, setBy, setAtMs, signedBy, signedAtMs } = found;
    return {
      ...limits,
      ...{ expires_at: isoTime(expiresAtMs), set_by: setBy, set_at: isoTime(setAtMs), signed_by: signedBy },
      signed_at: signedAtMs === null ? null : isoTime(signedAtMs),
      promotions: past.promotions,
      not_in_effect: whyNotInEffect(found, past, Date.now()) ?? null,
    };
  }
}

function presentVersion(
  model: string,
  { version, aliases, manifest }: ListedVersion,
  champion: string | null,
  { comparison, contract }: Partial<KnownVersion> = {},
) {
  const metrics = manifest?.metrics ?? {};
  const offline = champion === null ? undefined : (offlineOf(metrics, champion) ?? byHand(comparison, champion));
  return {
    ...{ version, aliases, created_at: manifest?.created_at ?? null, is_retrained: isRetrained(metrics) },
    offline: offline ?? null,
    card: contract === undefined ? null : presentContract(model, version, contract),
  };
}
