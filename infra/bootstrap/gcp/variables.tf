variable "project_id" {
  description = "Google Cloud project of one environment."
  type        = string
}

variable "region" {
  description = "Region of the state."
  type        = string
}
