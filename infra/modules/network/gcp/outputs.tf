output "network_id" {
  description = "ID of the network."
  value       = google_compute_network.this.id
}

output "nodes_subnet_id" {
  description = "Subnet of the nodes, with the secondary ranges pods and services."
  value       = google_compute_subnetwork.nodes.id
}

output "endpoints_subnet_id" {
  description = "Subnet of the endpoints of Kafka and cache."
  value       = google_compute_subnetwork.endpoints.id
}

output "peered_network" {
  description = "Name of the network, and of the range that is peered with Google's services, once the peering exists."
  value       = { name = google_compute_network.this.name, range_name = google_compute_global_address.managed_services.name }
  depends_on  = [google_service_networking_connection.managed_services]
}

output "peered_network_id" {
  description = "The network, once Cloud SQL can be reached in it."
  value       = google_compute_network.this.id
  depends_on  = [google_service_networking_connection.managed_services]
}

output "memorystore_network_id" {
  description = "The network, once Memorystore may create endpoints in it."
  value       = google_compute_network.this.id
  depends_on  = [google_network_connectivity_service_connection_policy.memorystore]
}
