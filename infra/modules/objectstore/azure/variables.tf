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

variable "account_name" {
  description = "Name of the storage account, unique in the world, 24 lower case letters and digits at most."
  type        = string
}

variable "replication_type" {
  description = "LRS (one zone), ZRS (three zones) or GZRS (three zones and another region)."
  type        = string

  validation {
    condition     = contains(["LRS", "ZRS", "GZRS"], var.replication_type)
    error_message = "replication_type must be LRS, ZRS or GZRS. Archive needs LRS; see infra/README.md."
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
  description = "Topics that archive keeps. Their files get cold by age; the log beside them is read again and again."
  type        = list(string)
}

variable "lake_tiering_days" {
  description = "Age in days at which objects of the lake move to cold and then to archive. archive is null where replication is over zones, which Azure's archive tier does not support."
  type = object({
    cold    = number
    archive = optional(number)
  })

  validation {
    condition     = var.lake_tiering_days.cold >= 30
    error_message = "lake_tiering_days.cold must be at least 30: compaction reads files of up to 28 days, and recovery those since the oldest snapshot."
  }

  validation {
    condition     = var.lake_tiering_days.archive == null ? true : var.lake_tiering_days.archive >= 130
    error_message = "lake_tiering_days.archive must be at least 130: drift is judged by files of up to 121 days, and from there on they would have to be restored."
  }
}

variable "dataset_retention_days" {
  description = "Days that training data sets are kept; they can be made again from the lake."
  type        = number
}
