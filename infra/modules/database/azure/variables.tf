variable "resource_group_name" {
  description = "Resource group of everything."
  type        = string
}

variable "location" {
  description = "Azure region."
  type        = string
}

variable "server_name" {
  description = "Name of the server, unique in the world."
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
  description = "Disk at the start, one of Azure's sizes (32768, 65536, 131072, …); it grows on its own."
  type        = number
}

variable "highly_available" {
  description = "A standby in a second zone."
  type        = bool
}

variable "backup_retention_days" {
  description = "Days of point-in-time recovery, 7 to 35."
  type        = number
}

variable "geo_redundant_backup_enabled" {
  description = "Keep backups in the paired region too; cannot be changed later."
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
  description = "Entra group or person that administers the database and makes the services' users."
  type = object({
    object_id = string
    name      = string
    type      = string
  })
}
