variable "name" {
  description = "Name of the cluster."
  type        = string
}

variable "project_id" {
  description = "Project of the cluster."
  type        = string
}

variable "region" {
  description = "Region of the cluster."
  type        = string
}

variable "vcpu_count" {
  description = "vCPUs of the whole cluster, at least 3."
  type        = number

  validation {
    condition     = var.vcpu_count >= 3
    error_message = "vcpu_count must be 3 or more."
  }
}

variable "memory_gib" {
  description = "Memory of the whole cluster, 1 to 8 GiB per vCPU."
  type        = number
}

variable "subnet_id" {
  description = "Subnet of the brokers' endpoints."
  type        = string
}

variable "kms_key_id" {
  description = "KMS key of the brokers' disks."
  type        = string
}

variable "topics" {
  description = "Topics with the services that write and read them, from infra/access.yaml."
  type = map(object({
    partitions = number
    # null: a compacted topic, which keeps the newest record of each key.
    retention_days = number
    writers        = list(string)
    readers        = list(string)
  }))
}

variable "group_prefix" {
  description = "Prefix of consumer groups' names, from infra/access.yaml."
  type        = string
  default     = ""
}

variable "lag_watchers" {
  description = "Identities that may read the offsets of every service's consumer group, from infra/access.yaml. Names that are not services have no effect."
  type        = list(string)
  default     = []
}

variable "principals" {
  description = "Address of each service's Google service account."
  type        = map(string)
}

variable "protected" {
  description = "Whether to prevent deletion of the cluster and its topics."
  type        = bool
}
