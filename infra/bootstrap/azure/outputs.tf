output "storage_account_name" {
  description = "Account for the *.azurerm.tfbackend files."
  value       = azurerm_storage_account.state.name
}
