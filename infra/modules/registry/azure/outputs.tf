output "url" {
  description = "What comes before an image's name."
  value       = azurerm_container_registry.this.login_server
}

output "id" {
  description = "Id of the registry."
  value       = azurerm_container_registry.this.id
}
