# Staging: prod's shape at a smaller size, so that what works here works there.
environment        = "staging"
project_id         = "tripline-staging-000000" # yours
billing_account    = "000000-000000-000000"    # yours
region             = "europe-west3"
alert_emails       = ["alerts@example.com"]
monthly_budget_usd = 3000
protected          = true
log_retention_days = 90

network = {
  cidr               = "10.31.0.0/16"
  pod_cidr           = "10.41.0.0/16"
  control_plane_cidr = "172.16.0.16/28"
}

# Three zones: counts are per zone.
cluster = {
  release_channel = "REGULAR"
  node_zones      = ["europe-west3-a", "europe-west3-b", "europe-west3-c"]
  node_pools = {
    system      = { machine_type = "e2-standard-2", spot = false, gpu = null, dedicated = false, nodes_min = 1, nodes_max = 2, disk_gib = 50 }
    serving     = { machine_type = "n2-standard-4", spot = false, gpu = null, dedicated = true, nodes_min = 1, nodes_max = 2, disk_gib = 50 }
    scoring-gpu = { machine_type = "g2-standard-4", spot = false, gpu = "nvidia-l4", dedicated = true, nodes_min = 0, nodes_max = 1, disk_gib = 100 }
    batch       = { machine_type = "n2-standard-4", spot = true, gpu = null, dedicated = true, nodes_min = 0, nodes_max = 1, disk_gib = 50 }
    training    = { machine_type = "n2-standard-16", spot = true, gpu = null, dedicated = true, nodes_min = 0, nodes_max = 1, disk_gib = 200 }
  }
}

kafka = {
  vcpu_count = 6
  memory_gib = 24
}

cache = {
  engine_version        = "VALKEY_8_0"
  node_type             = "STANDARD_SMALL"
  replica_count         = 1
  backup_retention_days = 3
}

database = {
  database_version = "POSTGRES_17"
  edition          = "ENTERPRISE"
  tier             = "db-custom-2-7680"
  disk_gib         = 50
  disk_gib_max     = 200
  highly_available = true
  backups_kept     = 14
}

objectstore = {
  lake_tiering_days      = { coldline = 60, archive = 180 }
  dataset_retention_days = 30
}

files = {
  tier         = "enterprise"
  lake_gib     = 1024
  registry_gib = 1024
}
