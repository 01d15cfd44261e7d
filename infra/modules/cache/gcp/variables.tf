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
  description = "Valkey version as Memorystore spells it, for instance VALKEY_8_0."
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
  description = "Replicas beside the primary. With 0 there is no failover."
  type        = number
}

variable "backup_retention_days" {
  description = "Days that daily backups are kept; 0 makes none."
  type        = number
}

variable "network_id" {
  description = "Network in which Memorystore may make endpoints."
  type        = string
}

variable "kms_key_id" {
  description = "KMS key of persistence and backups."
  type        = string
}

variable "deletion_protection" {
  description = "Refuse to delete the instance."
  type        = bool
}

variable "clients" {
  description = "Google service accounts, by service, that may connect. Memorystore has no rights per key."
  type        = map(string)
}
