# Production: three zones, replicas of everything, nothing deleted by accident.
environment        = "prod"
account_id         = "000000000000" # yours
region             = "eu-central-1"
alert_emails       = ["alerts@example.com"]
monthly_budget_usd = 9000
protected          = true
log_retention_days = 365

network = {
  cidr              = "10.22.0.0/16"
  zones             = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
  nat_gateway_count = 3
}

cluster = {
  kubernetes_version = "1.35"
  node_pools = {
    system      = { instance_types = ["m7i.large"], spot = false, gpu = false, dedicated = false, nodes_min = 3, nodes_max = 6, disk_gib = 50 }
    serving     = { instance_types = ["m7i.2xlarge"], spot = false, gpu = false, dedicated = true, nodes_min = 3, nodes_max = 18, disk_gib = 100 }
    scoring-gpu = { instance_types = ["g6.xlarge"], spot = false, gpu = true, dedicated = true, nodes_min = 0, nodes_max = 6, disk_gib = 100 }
    batch       = { instance_types = ["m7i.2xlarge", "m6i.2xlarge", "m5.2xlarge"], spot = true, gpu = false, dedicated = true, nodes_min = 0, nodes_max = 6, disk_gib = 100 }
    training    = { instance_types = ["m7i.8xlarge", "m6i.8xlarge"], spot = true, gpu = false, dedicated = true, nodes_min = 0, nodes_max = 3, disk_gib = 500 }
  }
}

kafka = {
  kafka_version          = "4.1.x.kraft"
  broker_instance_type   = "kafka.m7g.xlarge"
  broker_storage_gib     = 1000
  broker_storage_gib_max = 4000
}

cache = {
  engine_version          = "8.2"
  node_type               = "cache.r7g.xlarge"
  replica_count           = 2
  snapshot_retention_days = 7
}

database = {
  engine_version  = "17"
  instance_class  = "db.m7g.large"
  storage_gib     = 100
  storage_gib_max = 500
  multi_az        = true
  # Less than a month: a backup of before an erasure still has the wrapped keys of that person (docs/operations.md, "Erase a person").
  backup_retention_days = 28
}

objectstore = {
  lake_tiering_days      = { glacier = 90, deep_archive = 365 }
  dataset_retention_days = 90
}
