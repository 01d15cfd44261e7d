variable "name" {
  description = "Prefix of the bucket names."
  type        = string
}

variable "account_id" {
  description = "Account, which is the suffix that makes bucket names unique."
  type        = string
}

variable "kms_key_arn" {
  description = "KMS key of the objects."
  type        = string
}

variable "lake_topics" {
  description = "Topics that the archive service stores. Their files move to colder tiers by age, but their log is read repeatedly."
  type        = list(string)
}

variable "lake_tiering_days" {
  description = "Ages in days at which objects of the lake move to Glacier Instant Retrieval and then to Glacier Deep Archive."
  type = object({
    glacier      = number
    deep_archive = number
  })

  validation {
    condition     = var.lake_tiering_days.glacier >= 30
    error_message = "lake_tiering_days.glacier must be at least 30: compaction reads files of up to 28 days, and recovery reads files since the oldest snapshot."
  }

  validation {
    condition     = var.lake_tiering_days.deep_archive >= var.lake_tiering_days.glacier + 90
    error_message = "lake_tiering_days.deep_archive must be at least 90 days after glacier, because Glacier Instant Retrieval charges for at least 90 days."
  }

  validation {
    condition     = var.lake_tiering_days.deep_archive >= 130
    error_message = "lake_tiering_days.deep_archive must be at least 130: drift detection reads files of up to 121 days, and archived files would have to be restored first."
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
