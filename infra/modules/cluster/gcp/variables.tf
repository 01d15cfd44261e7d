variable "name" {
  description = "Name of the cluster."
  type        = string
}

variable "project_id" {
  description = "Project of the cluster."
  type        = string
}

variable "region" {
  description = "Region; the control plane is in three of its zones."
  type        = string
}

variable "node_zones" {
  description = "Zones of the nodes. Node counts of a pool are per zone."
  type        = list(string)
}

variable "release_channel" {
  description = "Release channel, which determines how fast Kubernetes is upgraded: RAPID, REGULAR or STABLE."
  type        = string

  validation {
    condition     = contains(["RAPID", "REGULAR", "STABLE"], var.release_channel)
    error_message = "release_channel must be RAPID, REGULAR or STABLE."
  }
}

variable "network_id" {
  description = "Network of the cluster."
  type        = string
}

variable "subnet_id" {
  description = "Subnet of the nodes, with the secondary ranges pods and services."
  type        = string
}

variable "control_plane_cidr" {
  description = "Address range of the control plane, a /28."
  type        = string
}

variable "api_client_cidrs" {
  description = "Private ranges that may reach the private API endpoint: VPN, runners, bastion."
  type        = list(string)

  validation {
    condition     = !contains(var.api_client_cidrs, "0.0.0.0/0")
    error_message = "api_client_cidrs must not contain 0.0.0.0/0: specify the ranges of your VPN and runners."
  }
}

variable "secrets_kms_key_id" {
  description = "KMS key that encrypts Kubernetes Secrets."
  type        = string
}

variable "volumes_kms_key_id" {
  description = "KMS key of the nodes' disks."
  type        = string
}

variable "deletion_protection" {
  description = "Whether to prevent deletion of the cluster."
  type        = bool
}

variable "node_pools" {
  description = "Node pools by name. The name becomes the label tripline-pool; a dedicated pool also gets it as a taint. gpu is the type of one GPU per node, null for none."
  type = map(object({
    machine_type = string
    spot         = bool
    gpu          = string
    dedicated    = bool
    nodes_min    = number
    nodes_max    = number
    disk_gib     = number
  }))

  validation {
    condition     = alltrue([for pool in values(var.node_pools) : pool.nodes_min <= pool.nodes_max])
    error_message = "node_pools: nodes_min must not exceed nodes_max."
  }

  validation {
    condition     = contains(keys(var.node_pools), "system") && contains(keys(var.node_pools), "training")
    error_message = "node_pools must contain a pool named system and one named training, because training never shares nodes with serving."
  }
}
