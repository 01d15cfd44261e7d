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

  validation {
    condition     = can(regex("^[a-z0-9]{3,24}$", var.account_name))
    error_message = "account_name must be 3 to 24 lower case letters and digits."
  }
}

variable "storage_class_name" {
  description = "Name of the StorageClass."
  type        = string
}

variable "replication_type" {
  description = "LRS (one zone) or ZRS (three zones)."
  type        = string

  validation {
    condition     = contains(["LRS", "ZRS"], var.replication_type)
    error_message = "replication_type must be LRS or ZRS: premium file shares know no other."
  }
}

variable "deleted_retention_days" {
  description = "Days that a deleted share can be had back."
  type        = number
}

variable "key" {
  description = "Key of the files, and the identity that may use it."
  type = object({
    versionless_key_id = string
    identity_id        = string
  })
}

variable "cluster_principal_id" {
  description = "Principal id of the cluster's identity, as which the driver makes shares."
  type        = string
}

variable "endpoint_subnet_id" {
  description = "Subnet of the private endpoint."
  type        = string
}

variable "private_zone_id" {
  description = "Private DNS zone of Azure Files."
  type        = string
}

variable "keep_volumes" {
  description = "Keep a volume's files when its claim goes."
  type        = bool
}
