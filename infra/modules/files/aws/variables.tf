variable "name" {
  description = "Name of the file system."
  type        = string
}

variable "storage_class_name" {
  description = "Name of the StorageClass."
  type        = string
}

variable "vpc_id" {
  description = "VPC of the mount targets."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets of the mount targets, one per zone: a node mounts in its own zone."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) == 3
    error_message = "subnet_ids must contain three subnets, because nodes in a zone without a mount target cannot mount the file system."
  }
}

variable "client_security_group_id" {
  description = "Security group of the nodes that mount the file system."
  type        = string
}

variable "kms_key_arn" {
  description = "KMS key of the files."
  type        = string
}

variable "backups" {
  description = "A backup every day, kept for 35 days."
  type        = bool
}

variable "keep_volumes" {
  description = "Whether to keep a volume's files when its claim is deleted."
  type        = bool
}
