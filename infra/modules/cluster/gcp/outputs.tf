output "name" {
  description = "Name of the cluster."
  value       = google_container_cluster.this.name
}

output "workload_pool" {
  description = "Pool of the service accounts' identities. It exists once the cluster exists."
  value       = google_container_cluster.this.workload_identity_config[0].workload_pool
}
