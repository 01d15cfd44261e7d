variable "name" {
  description = "Name of the repository."
  type        = string
}

variable "project_id" {
  description = "Project of the repository."
  type        = string
}

variable "region" {
  description = "Region of the repository."
  type        = string
}

variable "kms_key_id" {
  description = "KMS key of the images."
  type        = string
}

variable "images_kept" {
  description = "Number of newest versions of each image to keep."
  type        = number
  default     = 50
}
