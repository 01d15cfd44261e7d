output "container_ids" {
  description = "IDs of the containers lake, models, datasets, anchors and attachments."
  value       = { for kind, container in azurerm_storage_container.this : kind => container.id }
}

output "urls" {
  description = "Containers as URLs."
  value       = { for kind in local.containers : kind => "${azurerm_storage_account.this.primary_blob_endpoint}${kind}" }
}

output "account_id" {
  description = "ID of the storage account."
  value       = azurerm_storage_account.this.id
}
