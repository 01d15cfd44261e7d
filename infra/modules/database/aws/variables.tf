variable "name" {
  description = "Name of the instance."
  type        = string
}

variable "engine_version" {
  description = "Major version of PostgreSQL; minor versions follow on their own."
  type        = string
}

variable "instance_class" {
  description = "Instance class, for instance db.t4g.medium."
  type        = string
}

variable "storage_gib" {
  description = "Disk at the start."
  type        = number
}

variable "storage_gib_max" {
  description = "Disk that storage scaling stops at."
  type        = number
}

variable "multi_az" {
  description = "A standby in a second zone."
  type        = bool
}

variable "backup_retention_days" {
  description = "Days of point-in-time recovery."
  type        = number
}

variable "deletion_protection" {
  description = "Refuse to delete the instance, and take a last snapshot when it is deleted after all."
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
  description = "Days that logs are kept."
  type        = number
}
