import type { components } from "./generated/control.js";

/* Responses of the control plane. Times are ISO 8601. */

export type ControlSchemas = components["schemas"];
/** A service that is one release older than the page omits these fields. */
type PerhapsOlder<T, Missing extends keyof T> = Omit<T, Missing> & Partial<Pick<T, Missing>>;

export type PolicyRevision = ControlSchemas["PolicyRevision"];
export type PolicyRevisionText = ControlSchemas["RevisionText"];
export type PolicyStatus = PerhapsOlder<ControlSchemas["PolicyStatus"], "switched_off_rules">;
export type PolicyDraft = ControlSchemas["PolicyDraft"];
export type PolicyDraftText = ControlSchemas["Draft"];
/** A change that waits for another user. */
export type WaitingChange = ControlSchemas["ChangeRequest"];

export type ListSummary = ControlSchemas["Lists"]["lists"][number];
export type ListEntry = ControlSchemas["ListEntry"];
export type ListPreview = ControlSchemas["ListPreview"];
export type ListEntryPage = ControlSchemas["Entries"];

export type GuardFinding = PerhapsOlder<ControlSchemas["RolloutFinding"], "figure" | "data">;
export type RolloutDetail = Omit<
  PerhapsOlder<ControlSchemas["RolloutDetail"], "is_registry_pending" | "offline">,
  "findings"
> & { readonly findings: readonly GuardFinding[] };
export type ListedModels = ControlSchemas["Models"];
export type ListedVersion = ControlSchemas["ListedVersion"];
export type PromotionLimits = ControlSchemas["PromotionLimits"];
/** The model card of a version, as a contract. */
export type ModelContract = ControlSchemas["ModelCard"];

export type AuditEntry = ControlSchemas["Audit"]["entries"][number];
export type AuditLogPage = ControlSchemas["AuditLog"];
/** An entry in the form in which it was hashed. */
export type AuditLogEntry = AuditLogPage["entries"][number];
export type AuditCheckpoint = ControlSchemas["Checkpoints"]["checkpoints"][number];
export type AuditKey = ControlSchemas["Checkpoints"]["keys"][number];

export type DeadLetterTopic = ControlSchemas["Letters"]["topics"][number];
export type DeadLetter = DeadLetterTopic["letters"][number];
export type ReturnedLetters = ControlSchemas["Returned"];
export type Erasures = ControlSchemas["Erasures"];
export type TrainingJob = NonNullable<ControlSchemas["Jobs"]["training"]>;

export type WebhookEndpoint = ControlSchemas["WebhookEndpoint"];
export type WebhookDelivery = ControlSchemas["WebhookDelivery"];
export type WebhookDeliveryPage = ControlSchemas["WebhookDeliveries"];

export const CONTROL = "/api/control/v1";
