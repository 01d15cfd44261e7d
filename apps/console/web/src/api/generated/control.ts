export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        readonly PolicyStatus: {
            readonly tenant: string;
            readonly needs_approval: boolean;
            readonly lists_need_approval: boolean;
            readonly newest_revision: components["schemas"]["PolicyRevision"] | null;
            /** @description The value of `after` for the next activation. */
            readonly newest_activation: number;
            readonly in_force: components["schemas"]["PublishedActivation"] | null;
            readonly scheduled: components["schemas"]["PublishedActivation"] | null;
            /** @description The newest policy that was active and was not rolled back. Returning to it requires no approval. */
            readonly return_to: {
                readonly revision: number | null;
            } | null;
            /** @description Rules of the active revision that were switched off because they failed. */
            readonly switched_off_rules: readonly {
                readonly rule_id: string;
                readonly why: string;
                /** Format: date-time */
                readonly switched_off_at: string;
            }[];
        };
        readonly PolicyRevision: {
            readonly revision: number;
            /** @description Version of the policy file and the first digits of its SHA-256. */
            readonly version: string;
            readonly sha256: string;
            readonly author: string;
            readonly note: string;
            /** Format: date-time */
            readonly created_at: string;
        };
        readonly PublishedActivation: {
            readonly activation: number;
            /** @description null if the tenant's own policy is removed. */
            readonly revision: number | null;
            /** @description `guard` if the guard of the policy rolled it back. */
            readonly author: string;
            readonly note: string;
            /** Format: date-time */
            readonly created_at: string;
            /** Format: date-time */
            readonly activates_at: string;
            readonly is_watched: boolean;
            /** @description null if an earlier release created it. */
            readonly kind: components["schemas"]["ActivationKind"] | null;
            /** @description null if the services have not been notified yet. */
            readonly published_at: string | null;
        };
        /** @enum {string} */
        readonly ActivationKind: "return" | "suspect" | "new";
        readonly Problem: {
            readonly type: string;
            readonly title: string;
            readonly status: number;
            /**
             * @description A stable code for use by programs.
             * @enum {string}
             */
            readonly code: "malformed-json" | "invalid-field" | "invalid-header" | "malformed-request" | "request-timeout" | "address-too-long" | "headers-too-large" | "body-too-large" | "unsupported-media-type" | "token-missing" | "token-invalid" | "token-expired" | "token-revoked" | "scope-missing" | "client-not-served" | "session-ended" | "csrf-token-wrong" | "sign-in-failed" | "not-found" | "method-not-allowed" | "decision-not-found" | "idempotency-conflict" | "changed-meanwhile" | "name-taken" | "last-admin" | "approval-missing" | "tenant-foreign" | "too-many-requests" | "rate-limited" | "kafka-unavailable" | "lake-unavailable" | "store-unavailable" | "store-refused" | "state-incomplete" | "redis-unavailable" | "database-unavailable" | "keys-unavailable" | "master-key-unavailable" | "auth-unavailable" | "service-unavailable" | "identity-unavailable" | "shutting-down" | "state-conflict" | "state-unreadable" | "message-unreadable" | "spec-mismatch" | "model-not-found" | "rollout-not-found" | "provider-not-found" | "rollout-conflict" | "comparison-missing" | "model-refused" | "invalid-tensor" | "webhook-url-refused" | "provider-url-refused" | "provider-unavailable" | "deadline-exceeded" | "scoring-unavailable" | "queue-full" | "policy-too-slow" | "policy-too-large" | "policy-checks-busy" | "policy-invalid" | "scorecard-invalid" | "config-invalid" | "internal";
            /** @description What is wrong and how to fix it. */
            readonly detail: string;
            readonly errors?: readonly {
                /** @description JSON pointer (RFC 6901) to the field; empty for the whole body. */
                readonly pointer: string;
                readonly detail: string;
            }[];
            readonly trace_id?: string;
        };
        readonly Checked: {
            readonly version: string;
            readonly feature_spec_version: number;
            readonly warnings: readonly string[];
        };
        readonly Revisions: {
            readonly revisions: readonly components["schemas"]["PolicyRevision"][];
        };
        readonly RevisionText: {
            readonly revision: number;
            /** @description Version of the policy file and the first digits of its SHA-256. */
            readonly version: string;
            readonly sha256: string;
            readonly author: string;
            readonly note: string;
            /** Format: date-time */
            readonly created_at: string;
            readonly text: string;
            /** @description The kind of activation that this would be. `suspect` if it was rolled back, so another user must approve it again. */
            readonly activation_kind: components["schemas"]["ActivationKind"];
            readonly approvals: readonly {
                readonly approver: string;
                readonly note: string;
                /** Format: date-time */
                readonly approved_at: string;
                readonly is_for_unwatched: boolean;
            }[];
        };
        readonly SettingsLater: {
            readonly waiting: readonly components["schemas"]["ChangeRequest"][];
        };
        readonly ChangeRequest: {
            /** Format: uuid */
            readonly id: string;
            /** @enum {string} */
            readonly kind: "policy-approval-off" | "lists-approval-off" | "list-entries";
            readonly details: {
                readonly [key: string]: unknown;
            };
            readonly author: string;
            readonly note: string;
            /** Format: date-time */
            readonly created_at: string;
            /** Format: date-time */
            readonly expires_at: string;
            /** @description For break glass, the time at which the change takes effect unless another user rejects it. null if it awaits another user. */
            readonly takes_effect_at: string | null;
        };
        readonly Activations: {
            readonly activations: readonly components["schemas"]["PublishedActivation"][];
        };
        readonly Activated: {
            readonly activation: number;
            /** @description null if the tenant's own policy is removed. */
            readonly revision: number | null;
            /** @description `guard` if the guard of the policy rolled it back. */
            readonly author: string;
            readonly note: string;
            /** Format: date-time */
            readonly created_at: string;
            /** Format: date-time */
            readonly activates_at: string;
            readonly is_watched: boolean;
            /** @description null if an earlier release created it. */
            readonly kind: components["schemas"]["ActivationKind"] | null;
            readonly is_published: boolean;
        };
        readonly Drafts: {
            readonly drafts: readonly components["schemas"]["PolicyDraft"][];
        };
        readonly PolicyDraft: {
            readonly name: string;
            readonly version: number;
            readonly author: string;
            /** Format: date-time */
            readonly updated_at: string;
        };
        readonly Draft: {
            readonly name: string;
            readonly version: number;
            readonly author: string;
            /** Format: date-time */
            readonly updated_at: string;
            readonly text: string;
            /** @description Faults with line and column; empty if the text is valid. */
            readonly faults: readonly string[];
        };
        readonly SavedDraft: {
            readonly name: string;
            readonly version: number;
            readonly author: string;
            /** Format: date-time */
            readonly updated_at: string;
            /** @description Faults with line and column; empty if the text is valid. */
            readonly faults: readonly string[];
        };
        readonly Approvals: {
            readonly approvals: readonly components["schemas"]["ChangeRequest"][];
        };
        readonly Lists: {
            readonly lists: readonly {
                readonly list: string;
                readonly effect: string;
                readonly entries: number;
            }[];
        };
        readonly Entries: {
            readonly entries: readonly components["schemas"]["ListEntry"][];
            /** @description The value of `after` for the next page; null on the last page. */
            readonly next: string | null;
        };
        readonly ListEntry: {
            readonly list: string;
            readonly kind: string;
            readonly value: string;
            readonly effect: string;
            readonly reason: string;
            readonly author: string;
            /** Format: date-time */
            readonly created_at: string;
            readonly expires_at: string | null;
        };
        readonly ListPreview: {
            /** @description Number of payments examined: the tenant's newest payments, from at most one day. */
            readonly payments: number;
            readonly matched: number;
            /** @description From 0 to 1. */
            readonly share: number;
            /** @description When the first of these payments was accepted. */
            readonly from: string | null;
        };
        readonly Listed: {
            readonly list: string;
            readonly entries: number;
        };
        readonly ListedLater: {
            readonly list: string;
            /** @description 0 */
            readonly entries: number;
            readonly waiting: components["schemas"]["ChangeRequest"];
        };
        readonly Models: {
            /** @description The setting MODEL_CARDS_REQUIRED. */
            readonly is_card_required: boolean;
            /** @description Each model with its newest 50 versions, newest first. */
            readonly models: readonly components["schemas"]["ListedModel"][];
        };
        readonly ListedModel: {
            readonly name: string;
            readonly champion: string | null;
            readonly limits: components["schemas"]["PromotionLimits"] | null;
            readonly versions: readonly components["schemas"]["ListedVersion"][];
        };
        readonly PromotionLimits: {
            /** @default 100 */
            readonly percent_max: number;
            /** @default 4 */
            readonly promotions_max: number;
            /** @default true */
            readonly needs_money: boolean;
            /** @default false */
            readonly may_be_as_good: boolean;
            /** @default 200 */
            readonly mature_labels_min: number;
            /** @default 14 */
            readonly label_days_min: number;
            readonly owner: string;
            /** @default 180 */
            readonly card_days: number;
            /** Format: date-time */
            readonly expires_at: string;
            readonly set_by: string;
            /** Format: date-time */
            readonly set_at: string;
            readonly signed_by: string | null;
            readonly signed_at: string | null;
            /** @description Promotions within the last 30 days. */
            readonly promotions: number;
            /** @description Why the limits are not in effect; null if they are. */
            readonly not_in_effect: string | null;
        };
        readonly ListedVersion: {
            readonly version: string;
            readonly aliases: readonly string[];
            /** @description Null if the version's manifest cannot be read. */
            readonly created_at: string | null;
            /** @description Whether retraining registered this version. If so, any user may sign its model card. */
            readonly is_retrained: boolean;
            /** @description The comparison with the current champion; null if there is none. */
            readonly offline: {
                readonly champion: string;
                readonly is_as_good: boolean;
                /** @default false */
                readonly is_retrained: boolean;
                readonly money: string | null;
            } | null;
            readonly card: components["schemas"]["ModelCard"] | null;
        };
        readonly ModelCard: {
            readonly model: string;
            readonly version: string;
            readonly owner: string;
            /** Format: date-time */
            readonly expires_at: string;
            readonly registered_by: string;
            /** Format: date-time */
            readonly registered_at: string;
            readonly signed_by: string | null;
            readonly signed_at: string | null;
        };
        readonly Rollouts: {
            readonly rollouts: readonly components["schemas"]["Rollout"][];
        };
        readonly Rollout: {
            readonly id: string;
            readonly model: string;
            /** @enum {string} */
            readonly stage: "shadow" | "canary" | "champion" | "rolled-back";
            readonly candidate: string;
            readonly champion: string;
            readonly canary_percent: number;
            readonly shadow_percent: number;
            readonly is_held: boolean;
            /** @description True if it was rolled back but the registry's aliases have not been updated yet; control retries. */
            readonly is_registry_pending: boolean;
            readonly revision: number;
            /** Format: date-time */
            readonly started_at: string;
            /** Format: date-time */
            readonly changed_at: string;
            readonly changed_by: string;
            readonly why: string;
            readonly plan: {
                /**
                 * @default shadow
                 * @enum {string}
                 */
                readonly begin_with: "shadow" | "canary";
                /** @default false */
                readonly auto: boolean;
                /** @default 100 */
                readonly shadow_percent: number;
                /** @default 3600 */
                readonly shadow_seconds: number;
                /**
                 * @default [
                 *       1,
                 *       5,
                 *       25,
                 *       50
                 *     ]
                 */
                readonly steps_percent: readonly number[];
                /** @default 3600 */
                readonly step_seconds: number;
                readonly guards: {
                    /** @default 300 */
                    readonly window_seconds: number;
                    /** @default 8 */
                    readonly cards_min: number;
                    /** @default 0.1 */
                    readonly missing_points_max: number;
                    /** @default 0.1 */
                    readonly outcome_points_max: number;
                    /** @default 50 */
                    readonly slow_ms: number;
                    /** @default 0.1 */
                    readonly slow_points_max: number;
                    /** @default 0.05 */
                    readonly agreement_points_max: number;
                    /** @default 1.5 */
                    readonly outcome_ratio_max: number;
                    readonly index_max?: number;
                    /** @default 0.01 */
                    readonly false_alarm_points_max: number;
                    /** @default 20 */
                    readonly labels_min: number;
                    readonly label_days?: number;
                    /** @default 200 */
                    readonly mature_labels_min: number;
                };
            };
            /** @description How the candidate was compared with the champion before the rollout, with what it would save; null if it was not compared. */
            readonly offline: {
                readonly champion: string;
                readonly is_as_good: boolean;
                /** @default false */
                readonly is_retrained: boolean;
                readonly money: string | null;
            } | null;
        };
        readonly RolloutDetail: {
            readonly id: string;
            readonly model: string;
            /** @enum {string} */
            readonly stage: "shadow" | "canary" | "champion" | "rolled-back";
            readonly candidate: string;
            readonly champion: string;
            readonly canary_percent: number;
            readonly shadow_percent: number;
            readonly is_held: boolean;
            /** @description True if it was rolled back but the registry's aliases have not been updated yet; control retries. */
            readonly is_registry_pending: boolean;
            readonly revision: number;
            /** Format: date-time */
            readonly started_at: string;
            /** Format: date-time */
            readonly changed_at: string;
            readonly changed_by: string;
            readonly why: string;
            readonly plan: {
                /**
                 * @default shadow
                 * @enum {string}
                 */
                readonly begin_with: "shadow" | "canary";
                /** @default false */
                readonly auto: boolean;
                /** @default 100 */
                readonly shadow_percent: number;
                /** @default 3600 */
                readonly shadow_seconds: number;
                /**
                 * @default [
                 *       1,
                 *       5,
                 *       25,
                 *       50
                 *     ]
                 */
                readonly steps_percent: readonly number[];
                /** @default 3600 */
                readonly step_seconds: number;
                readonly guards: {
                    /** @default 300 */
                    readonly window_seconds: number;
                    /** @default 8 */
                    readonly cards_min: number;
                    /** @default 0.1 */
                    readonly missing_points_max: number;
                    /** @default 0.1 */
                    readonly outcome_points_max: number;
                    /** @default 50 */
                    readonly slow_ms: number;
                    /** @default 0.1 */
                    readonly slow_points_max: number;
                    /** @default 0.05 */
                    readonly agreement_points_max: number;
                    /** @default 1.5 */
                    readonly outcome_ratio_max: number;
                    readonly index_max?: number;
                    /** @default 0.01 */
                    readonly false_alarm_points_max: number;
                    /** @default 20 */
                    readonly labels_min: number;
                    readonly label_days?: number;
                    /** @default 200 */
                    readonly mature_labels_min: number;
                };
            };
            /** @description How the candidate was compared with the champion before the rollout, with what it would save; null if it was not compared. */
            readonly offline: {
                readonly champion: string;
                readonly is_as_good: boolean;
                /** @default false */
                readonly is_retrained: boolean;
                readonly money: string | null;
            } | null;
            readonly findings: readonly components["schemas"]["RolloutFinding"][];
            readonly steps: readonly components["schemas"]["RolloutStep"][];
        };
        readonly RolloutFinding: {
            readonly guard: string;
            readonly is_judged: boolean;
            readonly is_breached: boolean;
            readonly text: string;
            /** @description How close the guard is to a breach; null if the guard compares no number with a limit. */
            readonly figure: {
                /** @enum {string} */
                readonly kind: "share" | "evidence";
                readonly value: number;
                readonly limit: number;
            } | null;
            /** @description The data that the guard, or the next step, needs. */
            readonly data: readonly {
                /** @enum {string} */
                readonly kind: "cards" | "payments" | "labels" | "mature-labels";
                readonly count: number;
                readonly needed: number;
            }[];
        };
        readonly RolloutStep: {
            /** Format: date-time */
            readonly at: string;
            readonly actor: string;
            readonly step: string;
            readonly stage: string;
            readonly canary_percent: number;
            readonly why: string;
            readonly revision: number;
        };
        readonly WebhookEndpoints: {
            readonly endpoints: readonly components["schemas"]["WebhookEndpoint"][];
        };
        readonly WebhookEndpoint: {
            /** Format: uuid */
            readonly id: string;
            readonly url: string;
            readonly description: string;
            readonly event_types: readonly string[];
            /** Format: date-time */
            readonly created_at: string;
            readonly created_by: string;
            /** Format: date-time */
            readonly updated_at: string;
            /** @description null if active. `user`: paused by a user. `gone`: the receiver answered 410. `failing`: the receiver accepted nothing for three days. */
            readonly paused_because: ("user" | "gone" | "failing") | null;
            readonly paused_at: string | null;
            /** @description Failed attempts since the last success. */
            readonly failures: number;
            readonly failing_since: string | null;
            /** @description Events that were not stored because more than 100,000 were waiting. Resuming the endpoint resets the number. */
            readonly missed_events: number;
        };
        readonly NewWebhookEndpoint: {
            readonly endpoint: components["schemas"]["WebhookEndpoint"];
            /** @description Signing secret, `whsec_…`. It is not shown again. */
            readonly secret: string;
        };
        readonly WebhookSecret: {
            /** @description Signing secret, `whsec_…`. It is not shown again. */
            readonly secret: string;
        };
        readonly WebhookTest: {
            readonly event_id: string;
        };
        readonly WebhookReplay: {
            readonly replayed: number;
            /** @description Value of `from` for the next request, if more events match than one request replays; null if all were replayed. */
            readonly next: string | null;
        };
        readonly WebhookDeliveries: {
            readonly deliveries: readonly components["schemas"]["WebhookDelivery"][];
            /** @description Value of `before` for the next page; null on the last page. */
            readonly next: number | null;
        };
        readonly WebhookDelivery: {
            readonly sequence: number;
            /** Format: uuid */
            readonly endpoint_id: string;
            /** @description The message's `webhook-id`. */
            readonly event_id: string;
            readonly event_type: string;
            /** Format: date-time */
            readonly occurred_at: string;
            /** @enum {string} */
            readonly state: "pending" | "delivered" | "failed";
            readonly attempts: number;
            /** @description True if it failed six times, so later events of the same case or object did not wait for it. */
            readonly is_overtaken: boolean;
            readonly last_attempt_at: string | null;
            readonly next_attempt_at: string | null;
            /** @description HTTP status of the response; null if there was no response. */
            readonly last_status: number | null;
            /** @description Why there was no response, such as ECONNREFUSED, TIMEOUT, webhook-url-refused or expired. */
            readonly last_error: string | null;
        };
        readonly Erased: {
            readonly subject: string;
            /** @description Number of keys destroyed. */
            readonly keys: number;
            /** @description Cards, e-mail addresses or accounts used together with it, which were not erased. */
            readonly seen_with: readonly string[];
        };
        readonly Erasures: {
            readonly total: number;
            readonly unpublished: number;
            readonly erasures: readonly {
                readonly subject: string;
                /** Format: date-time */
                readonly erased_at: string;
                readonly is_published: boolean;
                /** @description When the services were notified; null before that, and for erasures by releases that did not record it. */
                readonly published_at: string | null;
            }[];
        };
        readonly Exported: {
            readonly tenant: string;
            readonly subject: string;
            /** @description When the person was erased; null if the person was not erased. */
            readonly erased_at: string | null;
            /** @description Data keys of the person's encrypted fields, at most the newest 5,000. An erasure destroys all of them. */
            readonly keys: readonly {
                readonly key_id: string;
                readonly card_token: string;
                readonly email_token: string;
                /** @description Tokens of accounts. */
                readonly other_tokens: readonly string[];
                /** Format: date-time */
                readonly created_at: string;
            }[];
            /** @description Cards, e-mail addresses or accounts used together with the person's. */
            readonly seen_with: readonly string[];
            /** @description List entries that contain the person's tokens. An erasure keeps them. */
            readonly list_entries: readonly {
                readonly list: string;
                readonly kind: string;
                readonly reason: string;
                /** Format: date-time */
                readonly created_at: string;
            }[];
        };
        readonly Opened: {
            readonly payments: readonly {
                readonly transaction_id: string;
                /** @description Null if the key was destroyed or belongs to another payment. */
                readonly fields: {
                    readonly device_id: string;
                    readonly ip_address: string;
                    readonly email: string;
                    readonly cardholder: string;
                    readonly account_id: string;
                    readonly phone: string;
                    readonly device_fingerprint: string;
                    readonly billing_postal_code: string;
                    readonly shipping_postal_code: string;
                    readonly attributes: string;
                } | null;
                /** @description True if the fields cannot be decrypted because one of the given subjects was erased. */
                readonly erased: boolean;
            }[];
        };
        readonly Letters: {
            readonly topics: readonly {
                readonly topic: string;
                /** @description Number of dead letters. `letters` contains only the newest. */
                readonly count: number;
                /** @description False for compacted topics, because a redriven record would overwrite newer values. */
                readonly can_return: boolean;
                readonly letters: readonly {
                    readonly partition: number;
                    readonly offset: number;
                    readonly code: string;
                    readonly message: string;
                    readonly group: string;
                    readonly tenant: string;
                    /** @description Masked. */
                    readonly key: string;
                    readonly bytes: number;
                    /** Format: date-time */
                    readonly dead_lettered_at: string;
                    /**
                     * Format: date-time
                     * @deprecated
                     * @description Former name of dead_lettered_at. Version 0.3.0 removes it.
                     */
                    readonly buried_at: string;
                    /** @description How often it has already been redriven. */
                    readonly returned: number;
                    /** @description True if it does not contain the original record, so it cannot be redriven. */
                    readonly is_reference: boolean;
                }[];
            }[];
        };
        readonly Returned: {
            readonly returned: number;
            /** @description One sentence for each dead letter that cannot be redriven. */
            readonly skipped: readonly string[];
        };
        readonly Jobs: {
            readonly training: {
                readonly facts: {
                    readonly model: string;
                    /** @description Model drift for which no model trained on newer data has been promoted yet. */
                    readonly drift: {
                        /** Format: date */
                        readonly day: string;
                        readonly sentence: string;
                    } | null;
                    /** @description The last day checked for drift. */
                    readonly judged_to: string | null;
                    /** @description Cut-off time of the labels used for the last retraining. */
                    readonly last_retraining: string | null;
                    /** @description Scheduled time; model drift may bring it forward. */
                    readonly next_retraining: string | null;
                    /** @description The registered challenger that is not champion yet. */
                    readonly challenger: {
                        readonly version: string;
                        readonly why: string;
                        readonly stage: string | null;
                    } | null;
                    /** @description Why the last run failed. The worker retries. */
                    readonly failure: string | null;
                };
                readonly reported_by: string;
                /** Format: date-time */
                readonly reported_at: string;
            } | null;
        };
        readonly Audit: {
            readonly entries: readonly {
                readonly sequence: number;
                readonly id: string;
                /** Format: date-time */
                readonly at: string;
                readonly tenant: string;
                readonly actor: string;
                /** @enum {string} */
                readonly actor_kind: "client" | "person" | "service";
                readonly action: string;
                readonly subject_kind: string;
                readonly subject_id: string;
                readonly details: {
                    readonly [key: string]: unknown;
                };
                readonly source: string;
                readonly hash: string;
            }[];
        };
        readonly AuditLog: {
            readonly tenant: string;
            readonly head: {
                readonly sequence: number;
                readonly hash: string | null;
            };
            readonly entries: readonly {
                readonly eventId: string;
                readonly tenant: string;
                readonly actor: string;
                /** @enum {string} */
                readonly actorKind: "client" | "person" | "service";
                readonly action: string;
                readonly subjectKind: string;
                readonly subjectId: string;
                readonly details: string;
                readonly atMs: number;
                readonly source: string;
                readonly sequence: number;
                readonly hash: string;
            }[];
        };
        readonly Checkpoints: {
            readonly checkpoints: readonly {
                readonly tenant: string;
                readonly sequence: number;
                readonly hash: string;
                readonly signedAtMs: number;
                readonly keyId: string;
                /** Format: base64 */
                readonly signature: string;
            }[];
            readonly keys: readonly {
                readonly keyId: string;
                /** Format: base64 */
                readonly publicKey: string;
            }[];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
