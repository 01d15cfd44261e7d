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

variable "account_name" {
  description = "Globally unique name of the storage account; at most 24 lowercase letters and digits."
  type        = string
}

variable "replication_type" {
  description = "LRS (one zone), ZRS (three zones) or GZRS (three zones and another region)."
  type        = string

  validation {
    condition     = contains(["LRS", "ZRS", "GZRS"], var.replication_type)
    error_message = "replication_type must be LRS, ZRS or GZRS. The archive tier requires LRS; see infra/README.md."
  }
}

variable "key" {
  description = "Key of the objects, and the identity that may use it."
  type = object({
    versionless_key_id = string
    identity_id        = string
  })
}

variable "endpoint_subnet_id" {
  description = "Subnet of the private endpoint."
  type        = string
}

variable "private_zone_id" {
  description = "Private DNS zone of Blob Storage."
  type        = string
}

variable "lake_topics" {
  description = "Topics that the archive service stores. Their files move to colder tiers by age, but their log is read repeatedly."
  type        = list(string)
}

variable "lake_tiering_days" {
  description = "Ages in days at which objects of the lake move to the cold tier and then to the archive tier. Set archive to null if data is replicated across zones, which Azure's archive tier does not support."
  type = object({
    cold    = number
    archive = optional(number)
  })

  validation {
    condition     = var.lake_tiering_days.cold >= 30
    error_message = "lake_tiering_days.cold must be at least 30: compaction reads files of up to 28 days, and recovery reads files since the oldest snapshot."
  }

  validation {
    condition     = var.lake_tiering_days.archive == null ? true : var.lake_tiering_days.archive >= 130
    error_message = "lake_tiering_days.archive must be at least 130: drift detection reads files of up to 121 days, and archived files would have to be restored first."
  }
}

variable "dataset_retention_days" {
  description = "Retention of training data sets in days; they can be recreated from the lake."
  type        = number
}
