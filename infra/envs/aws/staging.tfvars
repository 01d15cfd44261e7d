# Staging: prod's shape at a smaller size, so that what works here works there.
environment        = "staging"
account_id         = "000000000000" # yours
region             = "eu-central-1"
alert_emails       = ["alerts@example.com"]
monthly_budget_usd = 3000
protected          = true
log_retention_days = 90

network = {
  cidr              = "10.21.0.0/16"
  zones             = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
  nat_gateway_count = 1
}

cluster = {
  kubernetes_version = "1.35"
  node_pools = {
    system      = { instance_types = ["m7i.large"], spot = false, gpu = false, dedicated = false, nodes_min = 2, nodes_max = 4, disk_gib = 50 }
    serving     = { instance_types = ["m7i.xlarge"], spot = false, gpu = false, dedicated = true, nodes_min = 2, nodes_max = 6, disk_gib = 50 }
    scoring-gpu = { instance_types = ["g6.xlarge"], spot = false, gpu = true, dedicated = true, nodes_min = 0, nodes_max = 2, disk_gib = 100 }
    batch       = { instance_types = ["m7i.xlarge", "m6i.xlarge", "m5.xlarge"], spot = true, gpu = false, dedicated = true, nodes_min = 0, nodes_max = 3, disk_gib = 50 }
    training    = { instance_types = ["m7i.4xlarge", "m6i.4xlarge"], spot = true, gpu = false, dedicated = true, nodes_min = 0, nodes_max = 2, disk_gib = 200 }
  }
}

kafka = {
  kafka_version          = "4.1.x.kraft"
  broker_instance_type   = "kafka.m7g.large"
  broker_storage_gib     = 200
  broker_storage_gib_max = 1000
}

cache = {
  engine_version          = "8.2"
  node_type               = "cache.r7g.large"
  replica_count           = 1
  snapshot_retention_days = 3
}

database = {
  engine_version        = "17"
  instance_class        = "db.m7g.large"
  storage_gib           = 50
  storage_gib_max       = 200
  multi_az              = true
  backup_retention_days = 14
}

objectstore = {
  lake_tiering_days      = { glacier = 60, deep_archive = 180 }
  dataset_retention_days = 30
}
