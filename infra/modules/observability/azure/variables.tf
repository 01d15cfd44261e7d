variable "name" {
  description = "Prefix of every name, for instance tripline-dev."
  type        = string
}

variable "resource_group_name" {
  description = "Resource group of all resources."
  type        = string
}

variable "location" {
  description = "Azure region."
  type        = string
}

variable "log_retention_days" {
  description = "Retention of logs in days, 30 to 730."
  type        = number
}

variable "alert_emails" {
  description = "E-mail addresses that receive the alerts."
  type        = set(string)
}

variable "kafka_namespace_id" {
  description = "Event Hubs namespace."
  type        = string
}

variable "cache_id" {
  description = "Managed Redis instance."
  type        = string
}

variable "database_id" {
  description = "PostgreSQL server."
  type        = string
}

variable "storage_account_id" {
  description = "Storage account for the lake, models and data sets."
  type        = string
}

variable "collector_issuer_url" {
  description = "Issuer of the service accounts' tokens."
  type        = string
}

variable "namespace" {
  description = "Kubernetes namespace of the services."
  type        = string
}
