output "host" {
  description = "Host name; the port is 5432 and the database tripline."
  value       = azurerm_postgresql_flexible_server.this.fqdn
}

output "id" {
  description = "ID of the server in its metrics."
  value       = azurerm_postgresql_flexible_server.this.id
}
