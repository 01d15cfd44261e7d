variable "resource_group_name" {
  description = "Resource group of all resources."
  type        = string
}

variable "location" {
  description = "Azure region."
  type        = string
}

variable "server_name" {
  description = "Globally unique name of the server."
  type        = string
}

variable "engine_version" {
  description = "Major version of PostgreSQL."
  type        = string
}

variable "sku_name" {
  description = "Size, for instance GP_Standard_D2ds_v5."
  type        = string
}

variable "storage_mib" {
  description = "Initial disk size, one of Azure's sizes (32768, 65536, 131072, …). The disk grows automatically."
  type        = number
}

variable "highly_available" {
  description = "Whether to run a standby in a second zone."
  type        = bool
}

variable "backup_retention_days" {
  description = "Retention of point-in-time recovery in days, 7 to 35."
  type        = number
}

variable "geo_redundant_backup_enabled" {
  description = "Whether to keep backups in the paired region as well; cannot be changed later."
  type        = bool
}

variable "subnet_id" {
  description = "Subnet delegated to PostgreSQL."
  type        = string
}

variable "private_zone_id" {
  description = "Private DNS zone of the server."
  type        = string
}

variable "key" {
  description = "Key of disk and backups, and the identity that may use it."
  type = object({
    key_id      = string
    identity_id = string
  })
}

variable "tenant_id" {
  description = "Entra tenant."
  type        = string
}

variable "administrator" {
  description = "Entra group or user that administers the database and creates the services' users."
  type = object({
    object_id = string
    name      = string
    type      = string
  })
}
