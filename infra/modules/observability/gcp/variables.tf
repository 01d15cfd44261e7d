variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "project_id" {
  description = "Project that is monitored."
  type        = string
}

variable "region" {
  description = "Region of the logs."
  type        = string
}

variable "namespace" {
  description = "Kubernetes namespace of the services."
  type        = string
}

variable "workload_pool" {
  description = "Pool of the cluster's service account identities."
  type        = string
}

variable "cluster_name" {
  description = "Cluster whose logs are stored."
  type        = string
}

variable "kms_key_id" {
  description = "KMS key of the logs."
  type        = string
}

variable "alert_emails" {
  description = "E-mail addresses that receive the alerts."
  type        = set(string)
}

variable "log_retention_days" {
  description = "Retention of the services' logs in days."
  type        = number
}

variable "kafka_cluster_id" {
  description = "Managed Kafka cluster."
  type        = string
}

variable "cache_instance_id" {
  description = "Memorystore instance."
  type        = string
}

variable "database_instance_id" {
  description = "Cloud SQL instance, project:name."
  type        = string
}
