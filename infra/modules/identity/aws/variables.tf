variable "name" {
  description = "Prefix of roles and secrets."
  type        = string
}

variable "namespace" {
  description = "Kubernetes namespace of the services."
  type        = string
}

variable "services" {
  description = "Services and the resources that they use, from infra/access.yaml."
  type = map(object({
    cache          = bool
    database       = bool
    secrets        = list(string)
    buckets        = map(string)
    creates_topics = optional(bool, false)
    master_key     = optional(string, "")
  }))
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

variable "oidc_provider_arn" {
  description = "IAM identity provider of the cluster's service accounts."
  type        = string
}

variable "oidc_issuer" {
  description = "Issuer of the service accounts' tokens, without https://."
  type        = string
}

variable "kafka_cluster_arn" {
  description = "ARN of the MSK cluster."
  type        = string
}

variable "cache_arn" {
  description = "ARN of the ElastiCache replication group."
  type        = string
}

variable "cache_user_arns" {
  description = "ElastiCache user of each service."
  type        = map(string)
}

variable "database_resource" {
  description = "Region, account and resource ID of the database, in the form region:account:id."
  type        = string
}

variable "bucket_arns" {
  description = "Buckets by kind."
  type        = map(string)
}

variable "objects_kms_key_arn" {
  description = "KMS key of the objects."
  type        = string
}

variable "personal_kms_key_arn" {
  description = "KMS key that wraps the keys of personal data."
  type        = string
}

variable "secrets_kms_key_arn" {
  description = "KMS key of the secrets."
  type        = string
}

variable "deployer_kinds" {
  description = "Custom resources that workflows may create in the namespace, by API group, from infra/access.yaml."
  type        = map(list(string))
}

variable "github" {
  description = "Repository (owner/name) and environments whose workflows may deploy here; null for none. Set create_provider to true in only one environment per account."
  type = object({
    repository      = string
    environments    = list(string)
    create_provider = bool
  })
  default = null
}

variable "account_id" {
  description = "Account of the GitHub identity provider."
  type        = string
}

variable "cluster" {
  description = "Name and ARN of the EKS cluster to which workflows deploy."
  type = object({
    name = string
    arn  = string
  })
}

variable "repository_arns" {
  description = "ECR repositories to which workflows push images."
  type        = list(string)
}
