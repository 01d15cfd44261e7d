output "bucket" {
  description = "Bucket for the environment's *.gcs.tfbackend file."
  value       = google_storage_bucket.state.name
}
