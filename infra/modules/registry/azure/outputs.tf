output "url" {
  description = "Prefix of an image's name."
  value       = azurerm_container_registry.this.login_server
}

output "id" {
  description = "ID of the registry."
  value       = azurerm_container_registry.this.id
}
