# Development: one of everything, spot where it may be, thrown away without asking.
environment        = "dev"
account_id         = "000000000000" # yours
region             = "eu-central-1"
alert_emails       = ["alerts@example.com"]
monthly_budget_usd = 1200
protected          = false
log_retention_days = 30

network = {
  cidr              = "10.20.0.0/16"
  zones             = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
  nat_gateway_count = 1
}

cluster = {
  kubernetes_version = "1.35"
  node_pools = {
    system      = { instance_types = ["m7i.large"], spot = false, gpu = false, dedicated = false, nodes_min = 1, nodes_max = 3, disk_gib = 50 }
    serving     = { instance_types = ["m7i.large"], spot = false, gpu = false, dedicated = true, nodes_min = 1, nodes_max = 3, disk_gib = 50 }
    scoring-gpu = { instance_types = ["g6.xlarge"], spot = true, gpu = true, dedicated = true, nodes_min = 0, nodes_max = 1, disk_gib = 100 }
    batch       = { instance_types = ["m7i.large", "m6i.large", "m5.large"], spot = true, gpu = false, dedicated = true, nodes_min = 0, nodes_max = 2, disk_gib = 50 }
    training    = { instance_types = ["m7i.2xlarge", "m6i.2xlarge"], spot = true, gpu = false, dedicated = true, nodes_min = 0, nodes_max = 1, disk_gib = 100 }
  }
}

kafka = {
  kafka_version          = "4.1.x.kraft"
  broker_instance_type   = "kafka.t3.small"
  broker_storage_gib     = 50
  broker_storage_gib_max = 200
}

cache = {
  engine_version          = "8.2"
  node_type               = "cache.t4g.medium"
  replica_count           = 0
  snapshot_retention_days = 1
}

database = {
  engine_version        = "17"
  instance_class        = "db.t4g.medium"
  storage_gib           = 20
  storage_gib_max       = 100
  multi_az              = false
  backup_retention_days = 7
}

objectstore = {
  lake_tiering_days      = { glacier = 30, deep_archive = 150 }
  dataset_retention_days = 14
}
