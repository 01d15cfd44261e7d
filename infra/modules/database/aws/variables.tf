variable "name" {
  description = "Name of the instance."
  type        = string
}

variable "engine_version" {
  description = "Major version of PostgreSQL; minor versions are upgraded automatically."
  type        = string
}

variable "instance_class" {
  description = "Instance class, for instance db.t4g.medium."
  type        = string
}

variable "storage_gib" {
  description = "Initial disk size."
  type        = number
}

variable "storage_gib_max" {
  description = "Disk size at which storage scaling stops."
  type        = number
}

variable "multi_az" {
  description = "Whether to run a standby in a second zone."
  type        = bool
}

variable "backup_retention_days" {
  description = "Retention of point-in-time recovery in days."
  type        = number
}

variable "deletion_protection" {
  description = "Whether to prevent deletion of the instance, and take a final snapshot if it is deleted anyway."
  type        = bool
}

variable "vpc_id" {
  description = "VPC of the instance."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets of the instance."
  type        = list(string)
}

variable "client_security_group_id" {
  description = "Security group of the Kubernetes nodes whose pods are clients."
  type        = string
}

variable "kms_key_arn" {
  description = "KMS key of disk, snapshots and Performance Insights."
  type        = string
}

variable "secrets_kms_key_arn" {
  description = "KMS key of the administrator's password, which RDS creates and rotates."
  type        = string
}

variable "logs_kms_key_arn" {
  description = "KMS key of the logs."
  type        = string
}

variable "log_retention_days" {
  description = "Retention of logs in days."
  type        = number
}
