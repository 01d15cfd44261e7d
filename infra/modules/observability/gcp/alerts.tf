locals {
  # A full cache rejects writes, because nothing is evicted; if Kafka stops, all processing stops.
  alerts = {
    kafka-offline-partitions = {
      query       = "max(managedkafka_googleapis_com:offline_partitions{monitored_resource=\"managedkafka.googleapis.com/Cluster\",cluster_id=\"${var.kafka_cluster_id}\"}) > 0"
      description = "Partitions without a leader: producing and consuming stop."
    }
    kafka-cpu = {
      query       = "sum(rate(managedkafka_googleapis_com:cpu_core_usage_time{monitored_resource=\"managedkafka.googleapis.com/Cluster\",cluster_id=\"${var.kafka_cluster_id}\"}[5m])) / max(managedkafka_googleapis_com:cpu_limit{monitored_resource=\"managedkafka.googleapis.com/Cluster\",cluster_id=\"${var.kafka_cluster_id}\"}) > 0.8"
      description = "The brokers are busy: raise vcpu_count."
    }
    cache-memory = {
      query       = "max(memorystore_googleapis_com:instance_memory_maximum_utilization{monitored_resource=\"memorystore.googleapis.com/Instance\",instance_id=\"${var.cache_instance_id}\"}) > 0.75"
      description = "Window state nears the size of the node; full, writes are refused and payments wait."
    }
    database-disk = {
      query       = "max(cloudsql_googleapis_com:database_disk_utilization{monitored_resource=\"cloudsql_database\",database_id=\"${var.database_instance_id}\"}) > 0.9"
      description = "The database's disk fills up faster than it grows."
    }
    database-cpu = {
      query       = "avg(cloudsql_googleapis_com:database_cpu_utilization{monitored_resource=\"cloudsql_database\",database_id=\"${var.database_instance_id}\"}) > 0.8"
      description = "The database is busy: tokens are issued slowly."
    }
  }
}

resource "google_monitoring_alert_policy" "store" {
  for_each = local.alerts

  project               = var.project_id
  display_name          = "${var.name}-${each.key}"
  combiner              = "OR"
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.id]

  documentation {
    content   = each.value.description
    mime_type = "text/markdown"
  }

  conditions {
    display_name = each.key

    condition_prometheus_query_language {
      query               = each.value.query
      duration            = "300s"
      evaluation_interval = "60s"
    }
  }
}
