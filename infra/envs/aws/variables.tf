variable "environment" {
  description = "dev, staging or prod."
  type        = string

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment must be dev, staging or prod."
  }
}

variable "account_id" {
  description = "AWS account. Terraform rejects any other account before it plans."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be the 12 digits of your AWS account."
  }
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "namespace" {
  description = "Kubernetes namespace of the services."
  type        = string
  default     = "tripline"
}

variable "images" {
  description = "Container images, each of which has its own repository."
  type        = set(string)
  default     = ["ingestion", "features", "scoring", "scoring-gpu", "decisions", "auth", "control", "console", "archive", "tripline", "cli", "training", "iceberg"] # tripline is apps/tripline
}

variable "admin_role_arns" {
  description = "IAM roles that administer the cluster."
  type        = set(string)
  default     = []
}

variable "api_client_cidrs" {
  description = "Ranges that may reach the private Kubernetes API: VPN, runners, bastion."
  type        = list(string)
  default     = []
}

variable "alert_emails" {
  description = "Recipients of alerts and budget notifications."
  type        = set(string)
}

variable "monthly_budget_usd" {
  description = "Monthly budget in US dollars."
  type        = number
}

variable "github" {
  description = "Repository and environments whose workflows may deploy here; null for none."
  type = object({
    repository      = string
    environments    = list(string)
    create_provider = bool
  })
  default = null
}

variable "protected" {
  description = "Whether to prevent deletion of resources that contain data, and keep a final snapshot. False for temporary environments."
  type        = bool
}

variable "log_retention_days" {
  description = "Retention of logs in days."
  type        = number
}

variable "network" {
  description = "Address range (/16), three zones and NAT gateways (1 or 3)."
  type = object({
    cidr              = string
    zones             = list(string)
    nat_gateway_count = number
  })
}

variable "cluster" {
  description = "Kubernetes version and node pools; see modules/cluster/aws."
  type = object({
    kubernetes_version = string
    node_pools = map(object({
      instance_types = list(string)
      spot           = bool
      gpu            = bool
      dedicated      = bool
      nodes_min      = number
      nodes_max      = number
      disk_gib       = number
    }))
  })
}

variable "kafka" {
  description = "Version, size and disks of the brokers."
  type = object({
    kafka_version          = string
    broker_instance_type   = string
    broker_storage_gib     = number
    broker_storage_gib_max = number
  })
}

variable "cache" {
  description = "Version and size of the Valkey nodes."
  type = object({
    engine_version          = string
    node_type               = string
    replica_count           = number
    snapshot_retention_days = number
  })
}

variable "database" {
  description = "Version and size of PostgreSQL."
  type = object({
    engine_version        = string
    instance_class        = string
    storage_gib           = number
    storage_gib_max       = number
    multi_az              = bool
    backup_retention_days = number
  })
}

variable "objectstore" {
  description = "Ages at which objects of the lake move to colder tiers, and retention of data sets."
  type = object({
    lake_tiering_days      = object({ glacier = number, deep_archive = number })
    dataset_retention_days = number
  })
}
