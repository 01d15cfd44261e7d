variable "storage_class_name" {
  description = "Name of the StorageClass."
  type        = string
}

variable "region" {
  description = "Region of the backups."
  type        = string
}

variable "tier" {
  description = "Tier of the Filestore instances: standard (disks, one zone, encrypted with Google's keys), zonal (one zone) or enterprise (three zones)."
  type        = string

  validation {
    condition     = contains(["standard", "zonal", "enterprise"], var.tier)
    error_message = "tier must be standard, zonal or enterprise."
  }
}

variable "network_name" {
  description = "Network of the instances, peered with Google's services."
  type        = string
}

variable "reserved_range_name" {
  description = "Range from which the instances get their addresses."
  type        = string
}

variable "kms_key_id" {
  description = "KMS key of the files."
  type        = string
}

variable "keep_volumes" {
  description = "Whether to keep a volume's files when its claim is deleted."
  type        = bool
}
