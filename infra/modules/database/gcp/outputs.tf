output "host" {
  description = "Private address; the port is 5432 and the database tripline."
  value       = google_sql_database_instance.this.private_ip_address
}

output "instance_id" {
  description = "Name of the instance in its metrics, project:name."
  value       = "${var.project_id}:${google_sql_database_instance.this.name}"
}

output "users" {
  description = "Database user of each service that has one."
  value       = { for service, user in google_sql_user.service : service => user.name }
}
