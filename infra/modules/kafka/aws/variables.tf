variable "name" {
  description = "Name of the cluster."
  type        = string
}

variable "kafka_version" {
  description = "Kafka version as MSK spells it; the suffix .kraft means no ZooKeeper."
  type        = string
}

variable "broker_instance_type" {
  description = "Instance type of the brokers, for instance kafka.m7g.large."
  type        = string
}

variable "broker_storage_gib" {
  description = "Disk of each broker at the start."
  type        = number
}

variable "broker_storage_gib_max" {
  description = "Disk of each broker that storage scaling stops at. MSK never makes a disk smaller again."
  type        = number
}

variable "vpc_id" {
  description = "VPC of the brokers."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets of the brokers, one per zone."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) == 3
    error_message = "subnet_ids must be three: a record is kept on three brokers in three zones."
  }
}

variable "client_security_group_id" {
  description = "Security group of the nodes whose pods are clients."
  type        = string
}

variable "kms_key_arn" {
  description = "KMS key of the brokers' disks."
  type        = string
}

variable "logs_kms_key_arn" {
  description = "KMS key of the broker logs."
  type        = string
}

variable "log_retention_days" {
  description = "Days that broker logs are kept."
  type        = number
}
