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

  validation {
    condition     = can(regex("^[a-z0-9]{3,24}$", var.account_name))
    error_message = "account_name must be 3 to 24 lowercase letters and digits."
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
    error_message = "replication_type must be LRS or ZRS, because premium file shares support no other type."
  }
}

variable "deleted_retention_days" {
  description = "Number of days during which a deleted share can be restored."
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
  description = "Principal ID of the cluster's identity, with which the driver creates shares."
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
  description = "Whether to keep a volume's files when its claim is deleted."
  type        = bool
}
