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

variable "kubernetes_version" {
  description = "Minor version of Kubernetes, for instance 1.35; patches follow on their own."
  type        = string
}

variable "sku_tier" {
  description = "Free, Standard (uptime promised) or Premium (long support)."
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
  description = "Entra groups of people who administer the cluster."
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
  description = "Workspace of the control plane's logs."
  type        = string
}

variable "registry_id" {
  description = "Registry that nodes pull from."
  type        = string
}

variable "node_pools" {
  description = "Node pools by name, 12 lower case letters and digits at most. The name becomes the label tripline-pool; a dedicated pool also gets it as a taint."
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
    error_message = "node_pools needs a pool called system and one called training: training never shares nodes with serving."
  }

  validation {
    condition     = alltrue([for name in keys(var.node_pools) : can(regex("^[a-z][a-z0-9]{0,11}$", name))])
    error_message = "node_pools: AKS wants names of at most 12 lower case letters and digits."
  }
}
