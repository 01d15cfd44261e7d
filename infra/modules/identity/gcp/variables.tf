variable "name" {
  description = "Prefix of service accounts and secrets; together with a service's name, at most 30 characters."
  type        = string
}

variable "project_id" {
  description = "Project of the identities."
  type        = string
}

variable "region" {
  description = "Region in which the secrets are stored."
  type        = string
}

variable "namespace" {
  description = "Kubernetes namespace of the services."
  type        = string
}

variable "services" {
  description = "Services and the resources that they use, from infra/access.yaml."
  type = map(object({
    cache      = bool
    database   = bool
    secrets    = list(string)
    buckets    = map(string)
    master_key = optional(string, "")
  }))
}

variable "workload_pool" {
  description = "Pool of the cluster's service account identities."
  type        = string
}

variable "bucket_names" {
  description = "Buckets by kind."
  type        = map(string)
}

variable "personal_kms_key_id" {
  description = "KMS key that wraps the keys of personal data."
  type        = string
}

variable "secrets_kms_key_id" {
  description = "KMS key of the secrets."
  type        = string
}

variable "repository_id" {
  description = "Artifact Registry repository to which workflows push images."
  type        = string
}

variable "deployer_kinds" {
  description = "Custom resources that workflows may create in the namespace, by API group, from infra/access.yaml."
  type        = map(list(string))
}

variable "github" {
  description = "Repository (owner/name) and environments whose workflows may deploy here; null for none."
  type = object({
    repository   = string
    environments = list(string)
  })
  default = null
}
