output "bootstrap_servers" {
  description = "Address for clients that authenticate with a Google token (SASL OAUTHBEARER)."
  value       = "bootstrap.${google_managed_kafka_cluster.this.cluster_id}.${var.region}.managedkafka.${var.project_id}.cloud.goog:9092"
}

output "cluster_id" {
  description = "ID of the cluster in its metrics."
  value       = google_managed_kafka_cluster.this.cluster_id
}
