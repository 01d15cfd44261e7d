output "bucket_names" {
  description = "Names of the buckets lake, models, datasets, anchors and attachments."
  value       = { for kind, bucket in google_storage_bucket.this : kind => bucket.name }
}

output "urls" {
  description = "Buckets as URLs."
  value       = { for kind, bucket in google_storage_bucket.this : kind => bucket.url }
}
