variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "kms_key_arn" {
  description = "KMS key of logs, metrics and alerts."
  type        = string
}

variable "account_id" {
  description = "Account whose alarms and budgets may publish alerts."
  type        = string
}

variable "alert_emails" {
  description = "E-mail addresses that receive the alerts. Each must confirm its subscription."
  type        = set(string)
}

variable "log_retention_days" {
  description = "Retention of the services' logs in days."
  type        = number
}

variable "kafka_cluster_name" {
  description = "MSK cluster."
  type        = string
}

variable "cache_node_ids" {
  description = "ElastiCache nodes."
  type        = list(string)
}

variable "database_instance_id" {
  description = "RDS instance."
  type        = string
}

variable "database_free_bytes_min" {
  description = "Free disk space of the database below which an alert is sent."
  type        = number
}

variable "oidc_provider_arn" {
  description = "IAM identity provider of the cluster's service accounts."
  type        = string
}

variable "oidc_issuer" {
  description = "Issuer of the service accounts' tokens, without https://."
  type        = string
}

variable "namespace" {
  description = "Kubernetes namespace of the OpenTelemetry collector."
  type        = string
}
