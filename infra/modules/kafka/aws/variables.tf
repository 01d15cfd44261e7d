variable "name" {
  description = "Name of the cluster."
  type        = string
}

variable "kafka_version" {
  description = "Kafka version in MSK's spelling; the suffix .kraft means that ZooKeeper is not used."
  type        = string
}

variable "broker_instance_type" {
  description = "Instance type of the brokers, for instance kafka.m7g.large."
  type        = string
}

variable "broker_storage_gib" {
  description = "Initial disk size of each broker."
  type        = number
}

variable "broker_storage_gib_max" {
  description = "Disk size of each broker at which storage scaling stops. MSK cannot shrink a disk."
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
    error_message = "subnet_ids must contain three subnets, because a record is stored on three brokers in three zones."
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
  description = "Retention of broker logs in days."
  type        = number
}
