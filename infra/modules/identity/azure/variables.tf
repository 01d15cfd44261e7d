variable "name" {
  description = "Prefix of every name, for instance tripline-dev."
  type        = string
}

variable "resource_group_name" {
  description = "Resource group of all resources."
  type        = string
}

variable "location" {
  description = "Azure region."
  type        = string
}

variable "tenant_id" {
  description = "Entra tenant."
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

variable "oidc_issuer_url" {
  description = "Issuer of the service accounts' tokens."
  type        = string
}

variable "container_ids" {
  description = "Storage containers by kind."
  type        = map(string)
}

variable "personal_key_scope_id" {
  description = "Key that wraps the personal data keys: its ID for role assignments."
  type        = string
}

variable "vault_suffix" {
  description = "Suffix that makes vault names globally unique, for instance d-a1b2c3; at most 9 characters."
  type        = string

  validation {
    condition     = length(var.vault_suffix) <= 9
    error_message = "vault_suffix must have at most 9 characters: a vault's name has at most 24, and tl-ingestion- takes 13."
  }
}

variable "endpoint_subnet_id" {
  description = "Subnet of the vaults' private endpoints."
  type        = string
}

variable "private_zone_id" {
  description = "Private DNS zone of vaults."
  type        = string
}

variable "cluster_id" {
  description = "AKS cluster to which workflows deploy."
  type        = string
}

variable "registry_id" {
  description = "Registry to which workflows push images."
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
