variable "name" {
  description = "Prefix of the bucket names."
  type        = string
}

variable "project_id" {
  description = "Project, which is the suffix that makes bucket names unique."
  type        = string
}

variable "region" {
  description = "Region of the buckets."
  type        = string
}

variable "kms_key_id" {
  description = "KMS key of the objects."
  type        = string
}

variable "lake_topics" {
  description = "Topics that the archive service stores. Their files move to colder tiers by age, but their log is read repeatedly."
  type        = list(string)
}

variable "lake_tiering_days" {
  description = "Ages in days at which objects of the lake move to Coldline and then to Archive."
  type = object({
    coldline = number
    archive  = number
  })

  validation {
    condition     = var.lake_tiering_days.coldline >= 30
    error_message = "lake_tiering_days.coldline must be at least 30: compaction reads files of up to 28 days, and recovery reads files since the oldest snapshot."
  }

  validation {
    condition     = var.lake_tiering_days.archive >= var.lake_tiering_days.coldline + 90
    error_message = "lake_tiering_days.archive must be at least 90 days after coldline, because Coldline charges for at least 90 days."
  }
}

variable "dataset_retention_days" {
  description = "Retention of training data sets in days; they can be recreated from the lake."
  type        = number
}

variable "force_destroy" {
  description = "Whether the buckets can be deleted with their contents. Only for temporary environments."
  type        = bool
}
