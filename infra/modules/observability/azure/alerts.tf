resource "azurerm_monitor_action_group" "alerts" {
  name                = "${var.name}-alerts"
  resource_group_name = var.resource_group_name
  short_name          = "tripline"

  dynamic "email_receiver" {
    for_each = var.alert_emails

    content {
      name                    = email_receiver.key
      email_address           = email_receiver.key
      use_common_alert_schema = true
    }
  }
}

locals {
  # A full cache rejects writes, because nothing is evicted; throttled producing stops all processing.
  alerts = {
    kafka-throttled = {
      scope       = var.kafka_namespace_id
      namespace   = "Microsoft.EventHub/namespaces"
      metric      = "ThrottledRequests"
      aggregation = "Total"
      operator    = "GreaterThan"
      threshold   = 0
      description = "Event Hubs is throttling requests: raise processing_units."
    }
    kafka-cpu = {
      scope       = var.kafka_namespace_id
      namespace   = "Microsoft.EventHub/namespaces"
      metric      = "NamespaceCpuUsage"
      aggregation = "Maximum"
      operator    = "GreaterThan"
      threshold   = 80
      description = "The namespace is busy: raise processing_units."
    }
    cache-memory = {
      scope       = var.cache_id
      namespace   = "Microsoft.Cache/redisEnterprise"
      metric      = "usedmemorypercentage"
      aggregation = "Maximum"
      operator    = "GreaterThan"
      threshold   = 75
      description = "Window state nears the size of the node; full, writes are refused and payments wait."
    }
    database-disk = {
      scope       = var.database_id
      namespace   = "Microsoft.DBforPostgreSQL/flexibleServers"
      metric      = "storage_percent"
      aggregation = "Maximum"
      operator    = "GreaterThan"
      threshold   = 90
      description = "The database's disk fills up faster than it grows."
    }
    database-cpu = {
      scope       = var.database_id
      namespace   = "Microsoft.DBforPostgreSQL/flexibleServers"
      metric      = "cpu_percent"
      aggregation = "Average"
      operator    = "GreaterThan"
      threshold   = 80
      description = "The database is busy: tokens are issued slowly."
    }
  }
}

resource "azurerm_monitor_metric_alert" "store" {
  for_each = local.alerts

  name                = "${var.name}-${each.key}"
  resource_group_name = var.resource_group_name
  scopes              = [each.value.scope]
  description         = each.value.description
  severity            = 1
  frequency           = "PT1M"
  window_size         = "PT5M"

  criteria {
    metric_namespace = each.value.namespace
    metric_name      = each.value.metric
    aggregation      = each.value.aggregation
    operator         = each.value.operator
    threshold        = each.value.threshold
  }

  action {
    action_group_id = azurerm_monitor_action_group.alerts.id
  }
}
