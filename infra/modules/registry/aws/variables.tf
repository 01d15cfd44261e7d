variable "name" {
  description = "Prefix of the repositories."
  type        = string
}

variable "images" {
  description = "Images, a repository each."
  type        = set(string)
}

variable "kms_key_arn" {
  description = "KMS key of the images."
  type        = string
}

variable "images_kept" {
  description = "Tagged images kept in each repository, the newest first."
  type        = number
  default     = 50
}

variable "force_delete" {
  description = "Let a repository be deleted with its images. For throw-away environments only."
  type        = bool
}
