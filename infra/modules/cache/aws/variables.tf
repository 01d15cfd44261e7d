variable "name" {
  description = "Name of the replication group."
  type        = string
}

variable "engine_version" {
  description = "Valkey version, for instance 8.2."
  type        = string
}

variable "node_type" {
  description = "Instance type of the nodes, for instance cache.r7g.large."
  type        = string
}

variable "replica_count" {
  description = "Number of replicas in addition to the primary. With 0, there is no failover."
  type        = number
}

variable "snapshot_retention_days" {
  description = "Retention of daily snapshots in days; 0 disables snapshots."
  type        = number
}

variable "vpc_id" {
  description = "VPC of the nodes."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets of the nodes."
  type        = list(string)
}

variable "client_security_group_id" {
  description = "Security group of the Kubernetes nodes whose pods are clients."
  type        = string
}

variable "kms_key_arn" {
  description = "KMS key of data at rest and of snapshots."
  type        = string
}

variable "rights" {
  description = "Keys and channels of each service that uses the cache, from infra/access.yaml."
  type = map(object({
    keys     = list(string)
    reads    = list(string)
    channels = list(string)
  }))
}
