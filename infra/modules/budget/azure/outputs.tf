output "name" {
  description = "Name of the budget."
  value       = azurerm_consumption_budget_resource_group.this.name
}
