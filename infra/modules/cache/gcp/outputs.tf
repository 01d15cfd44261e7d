locals {
  connections = flatten([for endpoint in google_memorystore_instance.this.endpoints : [for connection in endpoint.connections : connection.psc_auto_connection]])
  primary     = [for connection in flatten(local.connections) : connection if connection.connection_type == "CONNECTION_TYPE_PRIMARY"]
}

output "url" {
  description = "Address of the primary as REDIS_URL, without a user."
  value       = try("rediss://${local.primary[0].ip_address}:${local.primary[0].port}", null)
}

output "instance_id" {
  description = "Name of the instance in its metrics."
  value       = google_memorystore_instance.this.instance_id
}
