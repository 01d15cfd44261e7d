import type { DynamicModule, OnApplicationShutdown, Provider } from "@nestjs/common";
import { Inject, Module, Optional } from "@nestjs/common";
import type { Resolve } from "@tripline/http/egress/check-target";
import { dnsResolve } from "@tripline/http/egress/check-target";
import { RateLimits } from "@tripline/http/limits/rate-limits";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { auditPublisher } from "@tripline/nest-kit/audit/audit-publisher";
import { closeWithin } from "@tripline/nest-kit/close-within";
import { DESCRIBE_API, OpenApiController } from "@tripline/nest-kit/http/openapi.controller";
import { TokenModule } from "@tripline/nest-kit/http/token.module";
import { KafkaModule } from "@tripline/nest-kit/kafka/kafka.module";
import { DatabaseModule } from "@tripline/nest-kit/postgres/database.module";
import { Readiness } from "@tripline/nest-kit/readiness";
import { LOGGER } from "@tripline/nest-kit/service.module";
import { FollowedMasterKey } from "@tripline/sealing/followed-master-key";
import { PersonalOpener } from "@tripline/sealing/open-personal";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { Migrations } from "@tripline/stores/postgres/migrate-database";
import { openBackgroundDatabase, setUpDatabase } from "@tripline/stores/postgres/set-up-database";
import type { Logger } from "@tripline/telemetry/logger";
import { ApprovalSettings, switchOff } from "./approvals/approval-settings.js";
import { ApprovalsController } from "./approvals/approvals.controller.js";
import { CHANGE_APPLIERS, ChangeRequests } from "./approvals/change-requests.js";
import { DueChanges } from "./approvals/due-changes.js";
import { AuditController } from "./audit/audit.controller.js";
import { AuditEventsController } from "./audit/audit-events.controller.js";
import { AuditLog } from "./audit/audit-log.js";
import { AuditSigner } from "./audit/audit-signer.js";
import { BACKGROUND } from "./background.js";
import type { ControlConfig } from "./config.js";
import { CONTROL_CONFIG } from "./config.js";
import { FraudLabelsController } from "./lists/fraud-labels.controller.js";
import { ListGuard } from "./lists/list-guard.js";
import { ListPreview } from "./lists/list-preview.js";
import { ListPublisher } from "./lists/list-publisher.js";
import { ListStore, putConfirmed } from "./lists/list-store.js";
import { ListWatches } from "./lists/list-watches.js";
import { ListsController } from "./lists/lists.controller.js";
import { ChampionWatch } from "./models/champion-watch.js";
import { LimitStore } from "./models/limit-store.js";
import { ModelLimitsController } from "./models/model-limits.controller.js";
import { ModelVersionsController } from "./models/model-versions.controller.js";
import { ModelsController } from "./models/models.controller.js";
import { VersionStore } from "./models/version-store.js";
import { describeApi } from "./openapi/describe-api.js";
import { DeadLettersController } from "./operations/dead-letters.controller.js";
import { DeadLetters } from "./operations/dead-letters.js";
import { ErasuresController } from "./operations/erasures.controller.js";
import { JobsController } from "./operations/jobs.controller.js";
import { EnvelopeRewrapper } from "./personal/envelope-rewrapper.js";
import { ErasureFollower } from "./personal/erasure-follower.js";
import { ErasurePublisher } from "./personal/erasure-publisher.js";
import { PersonExport } from "./personal/person-export.js";
import { PersonalController } from "./personal/personal.controller.js";
import { SubjectKeysController } from "./personal/subject-keys.controller.js";
import { SubjectKeys } from "./personal/subject-keys.js";
import { ActivationStore } from "./policies/activation-store.js";
import { DraftStore } from "./policies/draft-store.js";
import { PoliciesController } from "./policies/policies.controller.js";
import { PolicyChecks } from "./policies/policy-checks.js";
import { PolicyGuard } from "./policies/policy-guard.js";
import { PolicyPublisher } from "./policies/policy-publisher.js";
import { PolicyStore } from "./policies/policy-store.js";
import { RuleWatch } from "./policies/rule-watch.js";
import { SeenDecisions } from "./policies/seen-decisions.js";
import { SwitchedOffRules } from "./policies/switched-off-rules.js";
import { AlertStore } from "./rollouts/alert-store.js";
import { DecisionFeed } from "./rollouts/decision-feed.js";
import { RolloutGuard } from "./rollouts/rollout-guard.js";
import { RolloutStore } from "./rollouts/rollout-store.js";
import { RolloutsController } from "./rollouts/rollouts.controller.js";
import { MODEL_REGISTRY, Rollouts } from "./rollouts/rollouts.js";
import { DeliveryStore } from "./webhooks/delivery-store.js";
import { EndpointSecrets } from "./webhooks/endpoint-secrets.js";
import { EndpointStore } from "./webhooks/endpoint-store.js";
import { Outbox } from "./webhooks/outbox.js";
import { Subscriptions } from "./webhooks/subscriptions.js";
import { WebhookEventsController } from "./webhooks/webhook-events.controller.js";
import { WebhookPositions } from "./webhooks/webhook-positions.js";
import { RESOLVE, WebhookSender } from "./webhooks/webhook-sender.js";
import { WebhookUpkeep } from "./webhooks/webhook-upkeep.js";
import { WebhooksController } from "./webhooks/webhooks.controller.js";

export const CONTROL_MIGRATIONS: Migrations = {
  schema: "control",
  directory: new URL("../migrations/", import.meta.url),
};

const SCHEMA_READY = Symbol("SCHEMA_READY");

const POLICIES = [PolicyChecks, PolicyStore, ActivationStore, DraftStore, PolicyPublisher, SeenDecisions, PolicyGuard];
const RULES = [SwitchedOffRules, RuleWatch];
const LISTS = [ListStore, ListPreview, ListWatches, ListGuard, ListPublisher];
const APPROVALS = [ApprovalSettings, ChangeRequests, DueChanges];
const PERSONAL_DATA = [SubjectKeys, PersonExport, ErasureFollower, ErasurePublisher];
const ROLLOUTS = [RolloutStore, VersionStore, LimitStore, AlertStore, Rollouts, RolloutGuard, ChampionWatch];
const WEBHOOKS = [
  ...[EndpointStore, EndpointSecrets, DeliveryStore, Subscriptions, WebhookPositions],
  ...[Outbox, WebhookSender, WebhookUpkeep],
];

/** The control plane: stores users' decisions about the system in Postgres and publishes them on compacted topics. */
@Module({})
export class ControlModule implements OnApplicationShutdown {
  constructor(
    @Inject(Readiness) readiness: Readiness,
    @Inject(AuditSigner) audit: AuditSigner,
    @Inject(PolicyChecks) checks: PolicyChecks,
    @Inject(PolicyGuard) policies: PolicyGuard,
    @Inject(RuleWatch) rules: RuleWatch,
    @Inject(ListGuard) lists: ListGuard,
    @Inject(DueChanges) changes: DueChanges,
    @Inject(LOGGER) private readonly logger: Logger,
    @Optional() @Inject(RolloutGuard) rollouts?: RolloutGuard,
    @Optional() @Inject(ChampionWatch) champions?: ChampionWatch,
    @Optional() @Inject(WebhookSender) webhooks?: WebhookSender,
    @Optional() @Inject(WebhookUpkeep) endpoints?: WebhookUpkeep,
    @Optional() @Inject(BACKGROUND) private readonly background?: Database,
  ) {
    // These failures do not affect requests, so the service stays ready and reports them.
    readiness.addNote("audit_signatures", () => audit.notes.signature);
    readiness.addNote("audit_anchors", () => audit.notes.anchor);
    const loops = { policy_checks: checks, policy_guard: policies, rule_watch: rules, list_guard: lists };
    const others = {
      due_changes: changes,
      rollout_guard: rollouts,
      model_cards: champions,
      webhooks,
      webhook_endpoints: endpoints,
    };
    for (const [name, loop] of Object.entries({ ...loops, ...others })) {
      if (loop !== undefined) readiness.addNote(name, () => loop.note);
    }
  }

  /** Runs after the shutdown hooks of the module's providers, which use this database until they finish. */
  async onApplicationShutdown(): Promise<void> {
    await closeWithin(this.logger, "background postgres", () => this.background?.close());
  }

  static forRoot(config: ControlConfig): DynamicModule {
    const { REGISTRY_URL: registryUrl } = config;
    const kafka = KafkaModule.forRoot(config, { clientId: "control", producer: { lingerMs: 0 } });
    return {
      module: ControlModule,
      imports: [
        TokenModule.forRoot(config, "control", kafka),
        DatabaseModule.forRoot(config, CONTROL_MIGRATIONS),
        kafka,
      ],
      controllers: [
        OpenApiController,
        PoliciesController,
        AuditController,
        AuditEventsController,
        ListsController,
        ApprovalsController,
        SubjectKeysController,
        PersonalController,
        ...[DeadLettersController, ErasuresController, JobsController],
        ...(config.FRAUD_LIST_DAYS > 0 ? [FraudLabelsController] : []),
        ...(registryUrl === undefined
          ? []
          : [RolloutsController, ModelsController, ModelVersionsController, ModelLimitsController]),
        ...(FollowedMasterKey.isSet(config) ? [WebhooksController, WebhookEventsController] : []),
      ],
      providers: [
        { provide: CONTROL_CONFIG, useValue: config },
        ...[...POLICIES, ...RULES, ...LISTS, ...APPROVALS, ...PERSONAL_DATA, AuditLog, AuditSigner],
        ...[DeadLetters, DecisionFeed, auditPublisher("control")],
        ...openingProviders(config),
        {
          provide: CHANGE_APPLIERS,
          useValue: {
            "policy-approval-off": switchOff("needs_approval"),
            "lists-approval-off": switchOff("lists_need_approval"),
            "list-entries": putConfirmed,
          },
        },
        { provide: DESCRIBE_API, useValue: () => describeApi(config) },
        { provide: RateLimits, useValue: new RateLimits(config) },
        ...(registryUrl === undefined
          ? []
          : [{ provide: MODEL_REGISTRY, useValue: openRegistry(registryUrl) }, ...ROLLOUTS]),
        {
          provide: SCHEMA_READY,
          inject: [LOGGER],
          useFactory: async (logger: Logger) => {
            await setUpDatabase(config, CONTROL_MIGRATIONS, logger, async () => {});
            return true;
          },
        },
      ],
    };
  }
}

/** Providers that need the master key to decrypt personal data or to store webhook secrets. */
function openingProviders(config: ControlConfig): Provider[] {
  if (!FollowedMasterKey.isSet(config)) return [{ provide: PersonalOpener, useValue: undefined }];
  const masterKey = new FollowedMasterKey(config);
  const resolve: Resolve = dnsResolve();
  return [
    { provide: FollowedMasterKey, useValue: masterKey },
    { provide: PersonalOpener, useValue: new PersonalOpener(masterKey) },
    EnvelopeRewrapper,
    {
      provide: BACKGROUND,
      inject: [LOGGER],
      useFactory: (logger: Logger) => openBackgroundDatabase(config, CONTROL_MIGRATIONS, logger),
    },
    { provide: RESOLVE, useValue: resolve },
    ...WEBHOOKS,
  ];
}
