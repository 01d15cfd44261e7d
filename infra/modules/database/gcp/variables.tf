variable "name" {
  description = "Name of the instance."
  type        = string
}

variable "project_id" {
  description = "Project of the instance."
  type        = string
}

variable "region" {
  description = "Region of the instance."
  type        = string
}

variable "database_version" {
  description = "PostgreSQL version in Cloud SQL's spelling, for instance POSTGRES_17."
  type        = string
}

variable "tier" {
  description = "Machine type, for instance db-perf-optimized-N-2."
  type        = string
}

variable "edition" {
  description = "ENTERPRISE or ENTERPRISE_PLUS; determines which tiers are available."
  type        = string
}

variable "disk_gib" {
  description = "Initial disk size. The disk grows automatically."
  type        = number
}

variable "disk_gib_max" {
  description = "Disk size at which growth stops."
  type        = number
}

variable "highly_available" {
  description = "Whether to run a standby in a second zone."
  type        = bool
}

variable "backups_kept" {
  description = "Number of daily backups to keep."
  type        = number
}

variable "deletion_protection" {
  description = "Whether to prevent deletion of the instance, both in Terraform and in Google's API."
  type        = bool
}

variable "network_id" {
  description = "Network in which the instance can be reached."
  type        = string
}

variable "kms_key_id" {
  description = "KMS key of disk and backups."
  type        = string
}

variable "clients" {
  description = "Google service accounts, by service, that are database users."
  type        = map(string)
}
