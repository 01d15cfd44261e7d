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

variable "engine_version" {
  description = "Valkey version in Memorystore's spelling, for instance VALKEY_8_0."
  type        = string
}

variable "node_type" {
  description = "SHARED_CORE_NANO, STANDARD_SMALL, HIGHMEM_MEDIUM or HIGHMEM_XLARGE."
  type        = string

  validation {
    condition     = contains(["SHARED_CORE_NANO", "STANDARD_SMALL", "HIGHMEM_MEDIUM", "HIGHMEM_XLARGE"], var.node_type)
    error_message = "node_type must be SHARED_CORE_NANO, STANDARD_SMALL, HIGHMEM_MEDIUM or HIGHMEM_XLARGE."
  }
}

variable "replica_count" {
  description = "Number of replicas in addition to the primary. With 0, there is no failover."
  type        = number
}

variable "backup_retention_days" {
  description = "Retention of daily backups in days; 0 disables backups."
  type        = number
}

variable "network_id" {
  description = "Network in which Memorystore may create endpoints."
  type        = string
}

variable "kms_key_id" {
  description = "KMS key of persistence and backups."
  type        = string
}

variable "deletion_protection" {
  description = "Whether to prevent deletion of the instance."
  type        = bool
}

variable "clients" {
  description = "Google service accounts, by service, that may connect. Memorystore has no permissions per key."
  type        = map(string)
}
