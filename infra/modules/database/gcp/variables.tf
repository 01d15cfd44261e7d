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
  description = "PostgreSQL version as Cloud SQL spells it, for instance POSTGRES_17."
  type        = string
}

variable "tier" {
  description = "Machine type, for instance db-perf-optimized-N-2."
  type        = string
}

variable "edition" {
  description = "ENTERPRISE or ENTERPRISE_PLUS; decides which tiers there are."
  type        = string
}

variable "disk_gib" {
  description = "Disk at the start; it grows on its own."
  type        = number
}

variable "disk_gib_max" {
  description = "Disk that growth stops at."
  type        = number
}

variable "highly_available" {
  description = "A standby in a second zone."
  type        = bool
}

variable "backups_kept" {
  description = "Daily backups that are kept."
  type        = number
}

variable "deletion_protection" {
  description = "Refuse to delete the instance, here and in Google's own API."
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
