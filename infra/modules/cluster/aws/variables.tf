variable "name" {
  description = "Name of the cluster, and prefix of related resources."
  type        = string
}

variable "kubernetes_version" {
  description = "Minor version of Kubernetes, for instance 1.35."
  type        = string
}

variable "vpc_id" {
  description = "VPC of the cluster."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets of control plane interfaces and nodes."
  type        = list(string)
}

variable "api_client_cidrs" {
  description = "Ranges inside or peered with the VPC that may reach the private API endpoint: VPN, runners, bastion."
  type        = list(string)

  validation {
    condition     = !contains(var.api_client_cidrs, "0.0.0.0/0")
    error_message = "api_client_cidrs must not contain 0.0.0.0/0: specify the ranges of your VPN and runners."
  }
}

variable "admin_role_arns" {
  description = "IAM roles that administer the cluster."
  type        = set(string)
}

variable "secrets_kms_key_arn" {
  description = "KMS key that encrypts Kubernetes Secrets."
  type        = string
}

variable "volumes_kms_key_arn" {
  description = "KMS key of the nodes' disks; its policy must let Auto Scaling use it."
  type        = string
}

variable "logs_kms_key_arn" {
  description = "KMS key of the control plane's logs."
  type        = string
}

variable "log_retention_days" {
  description = "Retention of control plane logs in days."
  type        = number
}

variable "deletion_protection" {
  description = "Whether to prevent deletion of the cluster."
  type        = bool
}

variable "node_pools" {
  description = "Node pools by name. The name becomes the label tripline-pool; a dedicated pool also gets it as a taint."
  type = map(object({
    instance_types = list(string)
    spot           = bool
    gpu            = bool
    dedicated      = bool
    nodes_min      = number
    nodes_max      = number
    disk_gib       = number
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
