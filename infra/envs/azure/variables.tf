variable "environment" {
  description = "dev, staging or prod."
  type        = string

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment must be dev, staging or prod."
  }
}

variable "subscription_id" {
  description = "Azure subscription."
  type        = string
}

variable "location" {
  description = "Azure region."
  type        = string
}

variable "suffix" {
  description = "Six letters or digits that make the names of vaults, registry, storage and Event Hubs globally unique."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]{6}$", var.suffix))
    error_message = "suffix must be six lowercase letters or digits."
  }
}

variable "namespace" {
  description = "Kubernetes namespace of the services."
  type        = string
  default     = "tripline"
}

variable "operator_cidrs" {
  description = "Public ranges from which Terraform runs and images are pushed; empty if both run inside the network."
  type        = list(string)
  default     = []
}

variable "admin_group_object_ids" {
  description = "Entra groups whose members administer the cluster."
  type        = list(string)
  default     = []
}

variable "database_administrator" {
  description = "Entra group or user that administers the database."
  type = object({
    object_id = string
    name      = string
    type      = string
  })
}

variable "alert_emails" {
  description = "Recipients of alerts and budget notifications."
  type        = set(string)
}

variable "budget" {
  description = "Monthly budget in the subscription's currency, and the first day of the month in which it starts."
  type = object({
    monthly_amount = number
    start_date     = string
  })
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
  description = "Whether to lock the resource group, so that nothing in it can be deleted. False for temporary environments."
  type        = bool
}

variable "log_retention_days" {
  description = "Retention of logs in days."
  type        = number
}

variable "network" {
  description = "Address ranges: cidr (/16) for the virtual network, pod_cidr and service_cidr inside the cluster."
  type = object({
    cidr         = string
    pod_cidr     = string
    service_cidr = string
  })
}

variable "cluster" {
  description = "Kubernetes version, tier, zones and node pools; see modules/cluster/azure."
  type = object({
    kubernetes_version = string
    sku_tier           = string
    zones              = list(string)
    node_pools = map(object({
      vm_size   = string
      spot      = bool
      gpu       = bool
      dedicated = bool
      nodes_min = number
      nodes_max = number
      disk_gib  = number
    }))
  })
}

variable "kafka" {
  description = "Size of the Event Hubs namespace."
  type = object({
    processing_units = number
  })
}

variable "cache" {
  description = "Size of Managed Redis."
  type = object({
    sku_name                  = string
    high_availability_enabled = bool
  })
}

variable "database" {
  description = "Version and size of PostgreSQL."
  type = object({
    engine_version        = string
    sku_name              = string
    storage_mib           = number
    highly_available      = bool
    backup_retention_days = number
  })
}

variable "objectstore" {
  description = "Replication, ages at which objects of the lake move to colder tiers, and retention of data sets."
  type = object({
    replication_type       = string
    lake_tiering_days      = object({ cold = number, archive = optional(number) })
    dataset_retention_days = number
  })

  validation {
    condition     = var.objectstore.replication_type == "LRS" || var.objectstore.lake_tiering_days.archive == null
    error_message = "objectstore: Azure's archive tier requires replication_type LRS; with ZRS or GZRS, omit lake_tiering_days.archive."
  }
}

variable "files" {
  description = "Replication (LRS or ZRS) and size of each folder to which many pods write. Azure charges for the provisioned size."
  type = object({
    replication_type = string
    lake_gib         = number
    registry_gib     = number
  })

  validation {
    condition     = min(var.files.lake_gib, var.files.registry_gib) >= 100
    error_message = "files: each size must be at least 100 GiB, the minimum of Azure's premium shares."
  }
}
