variable "environment" {
  description = "dev, staging or prod."
  type        = string

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment must be dev, staging or prod."
  }
}

variable "project_id" {
  description = "Google Cloud project; one per environment."
  type        = string
}

variable "billing_account" {
  description = "Billing account that pays for the project."
  type        = string
}

variable "region" {
  description = "Region of all resources."
  type        = string
}

variable "namespace" {
  description = "Kubernetes namespace of the services."
  type        = string
  default     = "tripline"
}

variable "api_client_cidrs" {
  description = "Private ranges that may reach the private Kubernetes API: VPN, runners, bastion."
  type        = list(string)
  default     = []
}

variable "alert_emails" {
  description = "Recipients of alerts and budget notifications; at most five."
  type        = set(string)
}

variable "monthly_budget_usd" {
  description = "Monthly budget in US dollars."
  type        = number
}

variable "github" {
  description = "Repository and environments whose workflows may deploy here; null for none."
  type = object({
    repository   = string
    environments = list(string)
  })
  default = null
}

variable "protected" {
  description = "Whether to prevent deletion of resources that contain data. False for temporary environments."
  type        = bool
}

variable "log_retention_days" {
  description = "Retention of logs in days."
  type        = number
}

variable "network" {
  description = "Address ranges: cidr and pod_cidr (/16 each), control_plane_cidr (/28)."
  type = object({
    cidr               = string
    pod_cidr           = string
    control_plane_cidr = string
  })
}

variable "cluster" {
  description = "Release channel, zones and node pools; see modules/cluster/gcp. Node counts are per zone."
  type = object({
    release_channel = string
    node_zones      = list(string)
    node_pools = map(object({
      machine_type = string
      spot         = bool
      gpu          = string
      dedicated    = bool
      nodes_min    = number
      nodes_max    = number
      disk_gib     = number
    }))
  })
}

variable "kafka" {
  description = "Total size of the Kafka cluster."
  type = object({
    vcpu_count = number
    memory_gib = number
  })
}

variable "cache" {
  description = "Version and size of the Valkey nodes."
  type = object({
    engine_version        = string
    node_type             = string
    replica_count         = number
    backup_retention_days = number
  })
}

variable "database" {
  description = "Version and size of PostgreSQL."
  type = object({
    database_version = string
    edition          = string
    tier             = string
    disk_gib         = number
    disk_gib_max     = number
    highly_available = bool
    backups_kept     = number
  })
}

variable "objectstore" {
  description = "Ages at which objects of the lake move to colder tiers, and retention of data sets."
  type = object({
    lake_tiering_days      = object({ coldline = number, archive = number })
    dataset_retention_days = number
  })
}

variable "files" {
  description = "Tier and size of each folder to which many pods write; see modules/files/gcp. Filestore charges for the provisioned size."
  type = object({
    tier         = string
    lake_gib     = number
    registry_gib = number
  })

  validation {
    condition     = min(var.files.lake_gib, var.files.registry_gib) >= (var.files.tier == "standard" ? 100 : 1024)
    error_message = "files: each size must be at least 100 GiB in the standard tier, and at least 1024 GiB in the others, as Filestore requires."
  }
}
