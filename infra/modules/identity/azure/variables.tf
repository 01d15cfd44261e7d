variable "name" {
  description = "Prefix of every name, for instance tripline-dev."
  type        = string
}

variable "resource_group_name" {
  description = "Resource group of everything."
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
  description = "Services and what they use, from infra/access.yaml."
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
  description = "Key that wraps the keys of personal data, as roles are given on it."
  type        = string
}

variable "vault_suffix" {
  description = "Ending that makes vault names unique in the world, for instance d-a1b2c3; 9 characters at most."
  type        = string

  validation {
    condition     = length(var.vault_suffix) <= 9
    error_message = "vault_suffix must be 9 characters at most: a vault's name has 24, and tl-ingestion- takes 13 with a spare."
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
  description = "AKS cluster that workflows deploy to."
  type        = string
}

variable "registry_id" {
  description = "Registry that workflows push to."
  type        = string
}

variable "deployer_kinds" {
  description = "Operators' kinds that workflows may create in the namespace, by API group, from infra/access.yaml."
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
