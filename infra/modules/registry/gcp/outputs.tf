output "url" {
  description = "Prefix of an image's name."
  value       = "${var.region}-docker.pkg.dev/${var.project_id}/${google_artifact_registry_repository.this.repository_id}"
}

output "repository_id" {
  description = "ID of the repository."
  value       = google_artifact_registry_repository.this.repository_id
}
