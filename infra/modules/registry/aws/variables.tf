variable "name" {
  description = "Prefix of the repositories."
  type        = string
}

variable "images" {
  description = "Images, each of which has its own repository."
  type        = set(string)
}

variable "kms_key_arn" {
  description = "KMS key of the images."
  type        = string
}

variable "images_kept" {
  description = "Number of newest tagged images to keep in each repository."
  type        = number
  default     = 50
}

variable "force_delete" {
  description = "Whether a repository can be deleted with its images. Only for temporary environments."
  type        = bool
}
