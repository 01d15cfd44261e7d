locals {
  # A full cache rejects writes, because nothing is evicted; a full broker stops all processing.
  alarms = merge(
    {
      kafka-offline-partitions = {
        namespace   = "AWS/Kafka"
        metric      = "OfflinePartitionsCount"
        dimensions  = { "Cluster Name" = var.kafka_cluster_name }
        statistic   = "Maximum"
        comparison  = "GreaterThanThreshold"
        threshold   = 0
        description = "Partitions without a leader: producing and consuming stop."
      }
      kafka-no-controller = {
        namespace   = "AWS/Kafka"
        metric      = "ActiveControllerCount"
        dimensions  = { "Cluster Name" = var.kafka_cluster_name }
        statistic   = "Maximum"
        comparison  = "LessThanThreshold"
        threshold   = 1
        description = "No active controller: topics and groups cannot change."
      }
      database-disk = {
        namespace   = "AWS/RDS"
        metric      = "FreeStorageSpace"
        dimensions  = { DBInstanceIdentifier = var.database_instance_id }
        statistic   = "Minimum"
        comparison  = "LessThanThreshold"
        threshold   = var.database_free_bytes_min
        description = "The database's disk fills up faster than it grows."
      }
      database-cpu = {
        namespace   = "AWS/RDS"
        metric      = "CPUUtilization"
        dimensions  = { DBInstanceIdentifier = var.database_instance_id }
        statistic   = "Average"
        comparison  = "GreaterThanThreshold"
        threshold   = 80
        description = "The database is busy: tokens are issued slowly."
      }
    },
    { for broker in [1, 2, 3] : "kafka-under-min-isr-${broker}" => {
      namespace   = "AWS/Kafka"
      metric      = "UnderMinIsrPartitionCount"
      dimensions  = { "Cluster Name" = var.kafka_cluster_name, "Broker ID" = tostring(broker) }
      statistic   = "Maximum"
      comparison  = "GreaterThanThreshold"
      threshold   = 0
      description = "Broker ${broker} leads partitions with too few in-sync replicas, so producing to them fails."
    } },
    { for broker in [1, 2, 3] : "kafka-disk-${broker}" => {
      namespace   = "AWS/Kafka"
      metric      = "KafkaDataLogsDiskUsed"
      dimensions  = { "Cluster Name" = var.kafka_cluster_name, "Broker ID" = tostring(broker) }
      statistic   = "Maximum"
      comparison  = "GreaterThanThreshold"
      threshold   = 85
      description = "The disk of broker ${broker} is nearly full, although storage scaling starts at 60 %."
    } },
    { for node in var.cache_node_ids : "cache-memory-${node}" => {
      namespace   = "AWS/ElastiCache"
      metric      = "DatabaseMemoryUsagePercentage"
      dimensions  = { CacheClusterId = node }
      statistic   = "Maximum"
      comparison  = "GreaterThanThreshold"
      threshold   = 75
      description = "Window state nears the size of the node; full, writes are refused and payments wait."
    } },
    { for node in var.cache_node_ids : "cache-cpu-${node}" => {
      namespace   = "AWS/ElastiCache"
      metric      = "EngineCPUUtilization"
      dimensions  = { CacheClusterId = node }
      statistic   = "Average"
      comparison  = "GreaterThanThreshold"
      threshold   = 70
      description = "The one thread that runs commands is nearly busy."
    } },
  )
}

resource "aws_cloudwatch_metric_alarm" "store" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  period              = 60
  evaluation_periods  = 5
  treat_missing_data  = "missing"
  alarm_actions       = [aws_sns_topic.alerts.arn]
  ok_actions          = [aws_sns_topic.alerts.arn]
}
