output "host" {
  description = "Host name; the port is 5432 and the database tripline."
  value       = azurerm_postgresql_flexible_server.this.fqdn
}

output "id" {
  description = "Id of the server as its metrics carry it."
  value       = azurerm_postgresql_flexible_server.this.id
}
