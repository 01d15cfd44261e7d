# Notifies at 50 %, at 80 %, and when the forecast exceeds the budget. It does not stop anything.
resource "azurerm_consumption_budget_resource_group" "this" {
  name              = var.name
  resource_group_id = var.resource_group_id
  amount            = var.monthly_amount
  time_grain        = "Monthly"

  time_period {
    start_date = var.start_date
  }

  dynamic "notification" {
    for_each = { 50 = "Actual", 80 = "Actual", 100 = "Forecasted" }

    content {
      threshold      = notification.key
      threshold_type = notification.value
      operator       = "GreaterThan"
      contact_groups = [var.action_group_id]
    }
  }
}
