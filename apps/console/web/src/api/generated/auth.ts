export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        readonly Users: {
            readonly people: readonly components["schemas"]["User"][];
        };
        readonly User: {
            readonly person_id: string;
            readonly user_name: string;
            readonly name: string;
            readonly tenant: string;
            readonly roles: readonly string[];
            readonly has_second_factor: boolean;
            /** Format: date-time */
            readonly created_at: string;
            readonly disabled_at: string | null;
        };
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
        readonly ChangedUser: {
            readonly person_id: string;
            readonly user_name: string;
            readonly name: string;
            readonly tenant: string;
            readonly roles: readonly string[];
            readonly has_second_factor: boolean;
            /** Format: date-time */
            readonly created_at: string;
            readonly disabled_at: string | null;
            /** @description Whether all services have been notified. */
            readonly is_published: boolean;
            readonly password?: string;
            readonly client_secret?: string;
            readonly token?: string;
        };
        /** @description The change awaits approval by a second administrator. */
        readonly PendingGrant: {
            readonly grant: components["schemas"]["Grant"];
            readonly password?: string;
            readonly client_secret?: string;
            readonly token?: string;
        };
        readonly Grant: {
            readonly grant_id: string;
            readonly change: {
                readonly action: string;
                readonly user_name?: string;
                readonly client_id?: string;
                readonly roles?: readonly string[];
                readonly scopes?: readonly string[];
                /** @description The requested settings of `provider-set`. */
                readonly settings?: {
                    /**
                     * Format: uri
                     * @description The provider's issuer URL. Its metadata must be at `/.well-known/openid-configuration` below it.
                     */
                    readonly issuer: string;
                    /** @description The client ID of Tripline at the provider. */
                    readonly client_id: string;
                    /**
                     * @description Scopes to request, separated by spaces.
                     * @default openid profile email
                     */
                    readonly scope: string;
                    /**
                     * @description Domains of e-mail addresses whose owners sign in with this provider. `_tripline.<domain>` must have the TXT record `tenant=<tenant>`.
                     * @default []
                     */
                    readonly domains: readonly string[];
                    /**
                     * @description Claim that identifies a user permanently.
                     * @default sub
                     */
                    readonly subject_claim: string;
                    /**
                     * @description Claim with the user name. If it is not set, `email` is used.
                     * @default preferred_username
                     */
                    readonly user_name_claim: string;
                    /**
                     * @description Claim with the user's groups or roles.
                     * @default groups
                     */
                    readonly roles_claim: string;
                    /**
                     * @description Maps values of the roles claim to roles. Users without a mapped value are viewers. If the mapping is empty, administrators assign roles in Tripline.
                     * @default []
                     */
                    readonly role_mapping: readonly {
                        readonly value: string;
                        /** @enum {string} */
                        readonly role: "viewer" | "analyst" | "lead" | "admin";
                    }[];
                    /**
                     * @description How a user who signs in for the first time is matched with a user provisioned by SCIM: by comparing the subject claim with `externalId`, or the user name claim with `userName`. Choose `user_name` only if users cannot change that claim.
                     * @default external_id
                     * @enum {string}
                     */
                    readonly provisioning_match: "external_id" | "user_name";
                    /**
                     * @description Claims that every ID token must contain. Use them with a provider that also serves other organisations.
                     * @default []
                     */
                    readonly required_claims: readonly {
                        readonly claim: string;
                        readonly value: string;
                    }[];
                    /**
                     * @description Whether all users except `break_glass` must sign in with the provider.
                     * @default false
                     */
                    readonly is_enforced: boolean;
                    /**
                     * @description User name of the administrator who can sign in with a password while the provider is unavailable.
                     * @default null
                     */
                    readonly break_glass: string | null;
                };
                /** @description Whether `provider-set` replaces the client secret. */
                readonly has_new_secret?: boolean;
            } & {
                readonly [key: string]: unknown;
            };
            readonly requested_by: string;
            /** @description The user who requested the change, even if the user's client sent the request. */
            readonly principal: string;
            /** Format: date-time */
            readonly requested_at: string;
            /** Format: date-time */
            readonly expires_at: string;
        };
        readonly Clients: {
            readonly clients: readonly components["schemas"]["Client"][];
        };
        readonly Client: {
            readonly client_id: string;
            readonly tenant: string;
            readonly auth_method: string;
            readonly scopes: readonly string[];
            /** @description Redirect URIs of a client that signs users in; empty for other clients. */
            readonly redirect_uris: readonly string[];
            /** @description The owner. If two users are required for a change, this user and the client count as one. */
            readonly owner: {
                readonly person_id: string;
                readonly user_name: string;
                readonly is_disabled: boolean;
            } | null;
            /** Format: date-time */
            readonly created_at: string;
            readonly disabled_at: string | null;
        };
        readonly ChangedClient: {
            readonly client_id: string;
            readonly tenant: string;
            readonly auth_method: string;
            readonly scopes: readonly string[];
            /** @description Redirect URIs of a client that signs users in; empty for other clients. */
            readonly redirect_uris: readonly string[];
            /** @description The owner. If two users are required for a change, this user and the client count as one. */
            readonly owner: {
                readonly person_id: string;
                readonly user_name: string;
                readonly is_disabled: boolean;
            } | null;
            /** Format: date-time */
            readonly created_at: string;
            readonly disabled_at: string | null;
            /** @description Whether all services have been notified. */
            readonly is_published: boolean;
            readonly password?: string;
            readonly client_secret?: string;
            readonly token?: string;
        };
        readonly Grants: {
            readonly grants: readonly components["schemas"]["Grant"][];
        };
        readonly Approved: components["schemas"]["ChangedUser"] | components["schemas"]["ChangedClient"] | components["schemas"]["ChangedIdentityProvider"] | components["schemas"]["ChangedScimToken"];
        readonly ChangedIdentityProvider: {
            /**
             * Format: uri
             * @description The provider's issuer URL. Its metadata must be at `/.well-known/openid-configuration` below it.
             */
            readonly issuer: string;
            /** @description The client ID of Tripline at the provider. */
            readonly client_id: string;
            /**
             * @description Scopes to request, separated by spaces.
             * @default openid profile email
             */
            readonly scope: string;
            /**
             * @description Domains of e-mail addresses whose owners sign in with this provider. `_tripline.<domain>` must have the TXT record `tenant=<tenant>`.
             * @default []
             */
            readonly domains: readonly string[];
            /**
             * @description Claim that identifies a user permanently.
             * @default sub
             */
            readonly subject_claim: string;
            /**
             * @description Claim with the user name. If it is not set, `email` is used.
             * @default preferred_username
             */
            readonly user_name_claim: string;
            /**
             * @description Claim with the user's groups or roles.
             * @default groups
             */
            readonly roles_claim: string;
            /**
             * @description Maps values of the roles claim to roles. Users without a mapped value are viewers. If the mapping is empty, administrators assign roles in Tripline.
             * @default []
             */
            readonly role_mapping: readonly {
                readonly value: string;
                /** @enum {string} */
                readonly role: "viewer" | "analyst" | "lead" | "admin";
            }[];
            /**
             * @description How a user who signs in for the first time is matched with a user provisioned by SCIM: by comparing the subject claim with `externalId`, or the user name claim with `userName`. Choose `user_name` only if users cannot change that claim.
             * @default external_id
             * @enum {string}
             */
            readonly provisioning_match: "external_id" | "user_name";
            /**
             * @description Claims that every ID token must contain. Use them with a provider that also serves other organisations.
             * @default []
             */
            readonly required_claims: readonly {
                readonly claim: string;
                readonly value: string;
            }[];
            /**
             * @description Whether all users except `break_glass` must sign in with the provider.
             * @default false
             */
            readonly is_enforced: boolean;
            /**
             * @description User name of the administrator who can sign in with a password while the provider is unavailable.
             * @default null
             */
            readonly break_glass: string | null;
            readonly tenant: string;
            /** Format: date-time */
            readonly changed_at: string;
            /** @description Whether all services have been notified. */
            readonly is_published: boolean;
        };
        readonly ChangedScimToken: {
            readonly tenant: string;
            readonly created_by: string;
            /** Format: date-time */
            readonly created_at: string;
            /** @description Whether all services have been notified. */
            readonly is_published: boolean;
            readonly token?: string;
        };
        readonly IdentityProvider: {
            /**
             * Format: uri
             * @description The provider's issuer URL. Its metadata must be at `/.well-known/openid-configuration` below it.
             */
            readonly issuer: string;
            /** @description The client ID of Tripline at the provider. */
            readonly client_id: string;
            /**
             * @description Scopes to request, separated by spaces.
             * @default openid profile email
             */
            readonly scope: string;
            /**
             * @description Domains of e-mail addresses whose owners sign in with this provider. `_tripline.<domain>` must have the TXT record `tenant=<tenant>`.
             * @default []
             */
            readonly domains: readonly string[];
            /**
             * @description Claim that identifies a user permanently.
             * @default sub
             */
            readonly subject_claim: string;
            /**
             * @description Claim with the user name. If it is not set, `email` is used.
             * @default preferred_username
             */
            readonly user_name_claim: string;
            /**
             * @description Claim with the user's groups or roles.
             * @default groups
             */
            readonly roles_claim: string;
            /**
             * @description Maps values of the roles claim to roles. Users without a mapped value are viewers. If the mapping is empty, administrators assign roles in Tripline.
             * @default []
             */
            readonly role_mapping: readonly {
                readonly value: string;
                /** @enum {string} */
                readonly role: "viewer" | "analyst" | "lead" | "admin";
            }[];
            /**
             * @description How a user who signs in for the first time is matched with a user provisioned by SCIM: by comparing the subject claim with `externalId`, or the user name claim with `userName`. Choose `user_name` only if users cannot change that claim.
             * @default external_id
             * @enum {string}
             */
            readonly provisioning_match: "external_id" | "user_name";
            /**
             * @description Claims that every ID token must contain. Use them with a provider that also serves other organisations.
             * @default []
             */
            readonly required_claims: readonly {
                readonly claim: string;
                readonly value: string;
            }[];
            /**
             * @description Whether all users except `break_glass` must sign in with the provider.
             * @default false
             */
            readonly is_enforced: boolean;
            /**
             * @description User name of the administrator who can sign in with a password while the provider is unavailable.
             * @default null
             */
            readonly break_glass: string | null;
            readonly tenant: string;
            /** Format: date-time */
            readonly changed_at: string;
        };
        /** @description The token with which the identity provider calls the SCIM API. */
        readonly ScimToken: {
            readonly tenant: string;
            readonly created_by: string;
            /** Format: date-time */
            readonly created_at: string;
        };
        readonly Introspection: {
            readonly active: boolean;
        } & {
            readonly [key: string]: unknown;
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
