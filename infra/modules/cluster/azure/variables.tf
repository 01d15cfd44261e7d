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

variable "kubernetes_version" {
  description = "Minor version of Kubernetes, for instance 1.35; patches are installed automatically."
  type        = string
}

variable "sku_tier" {
  description = "Free, Standard (with an uptime SLA) or Premium (with long-term support)."
  type        = string
}

variable "zones" {
  description = "Availability zones of the nodes."
  type        = list(string)
}

variable "nodes_subnet_id" {
  description = "Subnet of the nodes."
  type        = string
}

variable "api_subnet_id" {
  description = "Subnet of the API server."
  type        = string
}

variable "pod_cidr" {
  description = "Overlay range of the pods."
  type        = string
}

variable "service_cidr" {
  description = "Range of Kubernetes services."
  type        = string
}

variable "admin_group_object_ids" {
  description = "Entra groups whose members administer the cluster."
  type        = list(string)
}

variable "secrets_key" {
  description = "Key that encrypts Kubernetes Secrets in etcd, and its vault."
  type = object({
    key_id   = string
    vault_id = string
  })
}

variable "volumes_key" {
  description = "Key of the disks, and the identity that may use it."
  type = object({
    versionless_key_id = string
    identity_id        = string
  })
}

variable "log_analytics_workspace_id" {
  description = "Workspace for the control plane's logs."
  type        = string
}

variable "registry_id" {
  description = "Registry from which nodes pull images."
  type        = string
}

variable "node_pools" {
  description = "Node pools by name, which has at most 12 lowercase letters and digits. The name becomes the label tripline-pool; a dedicated pool also gets it as a taint."
  type = map(object({
    vm_size   = string
    spot      = bool
    gpu       = bool
    dedicated = bool
    nodes_min = number
    nodes_max = number
    disk_gib  = number
  }))

  validation {
    condition     = alltrue([for pool in values(var.node_pools) : pool.nodes_min <= pool.nodes_max])
    error_message = "node_pools: nodes_min must not exceed nodes_max."
  }

  validation {
    condition     = contains(keys(var.node_pools), "system") && contains(keys(var.node_pools), "training")
    error_message = "node_pools must contain a pool named system and one named training, because training never shares nodes with serving."
  }

  validation {
    condition     = alltrue([for name in keys(var.node_pools) : can(regex("^[a-z][a-z0-9]{0,11}$", name))])
    error_message = "node_pools: each name must have at most 12 lowercase letters and digits, as AKS requires."
  }
}
