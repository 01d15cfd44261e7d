output "bootstrap_servers" {
  description = "Address for clients that authenticate with an Entra token (SASL OAUTHBEARER)."
  value       = "${azurerm_eventhub_namespace.this.name}.servicebus.windows.net:9093"
}

output "namespace_id" {
  description = "ID of the namespace in its metrics."
  value       = azurerm_eventhub_namespace.this.id
}
