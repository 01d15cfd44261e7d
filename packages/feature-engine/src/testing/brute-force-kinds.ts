/* The kinds of events from which each kind of feature is computed. This list belongs to the oracle. */

export function hasTiles(kind: string): boolean {
  return !["distinct", "neighbours", "unusual_count", "unusual_max"].includes(kind);
}

export function isRunKind(kind: string): boolean {
  return ["days_since_last_genuine", "days_since_run_began", "run_count"].includes(kind);
}

export function isLabelKind(kind: string): boolean {
  return ["label_count", "fraud_count", "fraud_rate", "fraud_risk"].includes(kind);
}

export function isUpdateKind(kind: string): boolean {
  return ["update_count", "update_sum", "declined_share"].includes(kind);
}

export function streamOf(kind: string): "payment" | "label" | "update" {
  if (isLabelKind(kind)) return "label";
  return isUpdateKind(kind) ? "update" : "payment";
}
