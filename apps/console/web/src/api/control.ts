import type { components } from "./generated/control.js";

/* Responses of the control plane. Times are ISO 8601. */

type Schemas = components["schemas"];
/** A service that is one release older than the page omits these fields. */
type PerhapsOlder<T, Missing extends keyof T> = Omit<T, Missing> & Partial<Pick<T, Missing>>;

export type PolicyRevision = Schemas["PolicyRevision"];
export type PolicyRevisionText = Schemas["RevisionText"];
export type PolicyStatus = PerhapsOlder<Schemas["PolicyStatus"], "switched_off_rules">;
export type PolicyDraft = Schemas["PolicyDraft"];
export type PolicyDraftText = Schemas["Draft"];
/** A change that waits for another user. */
export type WaitingChange = Schemas["ChangeRequest"];

export type ListSummary = Schemas["Lists"]["lists"][number];
export type ListEntry = Schemas["ListEntry"];
export type ListEntryPage = Schemas["Entries"];

export type Rollout = PerhapsOlder<Schemas["Rollout"], "is_registry_pending">;
export type RolloutDetail = PerhapsOlder<Schemas["RolloutDetail"], "is_registry_pending">;

export type AuditEntry = Schemas["Audit"]["entries"][number];
export type AuditLogPage = Schemas["AuditLog"];
/** An entry in the form in which it was hashed. */
export type AuditLogEntry = AuditLogPage["entries"][number];
export type AuditCheckpoint = Schemas["Checkpoints"]["checkpoints"][number];
export type AuditKey = Schemas["Checkpoints"]["keys"][number];

export type DeadLetterTopic = Schemas["Letters"]["topics"][number];
export type DeadLetter = DeadLetterTopic["letters"][number];
export type Erasures = Schemas["Erasures"];
export type TrainingJob = NonNullable<Schemas["Jobs"]["training"]>;

export type WebhookEndpoint = Schemas["WebhookEndpoint"];
export type WebhookDelivery = Schemas["WebhookDelivery"];
export type WebhookDeliveryPage = Schemas["WebhookDeliveries"];

export const CONTROL = "/api/control/v1";
