mock_provider "google" {
  mock_resource "google_service_account" {
    defaults = {
      email  = "node@tripline-test.iam.gserviceaccount.com"
      member = "serviceAccount:node@tripline-test.iam.gserviceaccount.com"
    }
  }
}

variables {
  name                = "tripline-test"
  project_id          = "tripline-test"
  region              = "europe-west3"
  node_zones          = ["europe-west3-a"]
  release_channel     = "REGULAR"
  network_id          = "projects/p/global/networks/n"
  subnet_id           = "projects/p/regions/r/subnetworks/s"
  control_plane_cidr  = "172.16.0.0/28"
  api_client_cidrs    = ["10.0.0.0/24"]
  secrets_kms_key_id  = "projects/p/locations/l/keyRings/r/cryptoKeys/cluster"
  volumes_kms_key_id  = "projects/p/locations/l/keyRings/r/cryptoKeys/volumes"
  deletion_protection = true
  node_pools = {
    system   = { machine_type = "e2-standard-2", spot = false, gpu = null, dedicated = false, nodes_min = 1, nodes_max = 3, disk_gib = 50 }
    gpu      = { machine_type = "g2-standard-4", spot = false, gpu = "nvidia-l4", dedicated = true, nodes_min = 0, nodes_max = 1, disk_gib = 100 }
    training = { machine_type = "e2-standard-8", spot = true, gpu = null, dedicated = true, nodes_min = 0, nodes_max = 1, disk_gib = 100 }
  }
}

run "private_and_encrypted" {
  assert {
    condition     = google_container_cluster.this.private_cluster_config[0].enable_private_endpoint && google_container_cluster.this.private_cluster_config[0].enable_private_nodes
    error_message = "The endpoint and nodes must be private."
  }

  assert {
    condition     = google_container_cluster.this.database_encryption[0].key_name == var.secrets_kms_key_id
    error_message = "Kubernetes Secrets must be encrypted with the cluster key."
  }

  assert {
    condition     = alltrue([for pool in google_container_node_pool.this : pool.node_config[0].boot_disk_kms_key == var.volumes_kms_key_id && pool.node_config[0].workload_metadata_config[0].mode == "GKE_METADATA"])
    error_message = "Disks must be encrypted with the volumes key, and pods must not reach the node's credentials."
  }
}

run "volumes_that_many_pods_write" {
  assert {
    condition     = google_container_cluster.this.addons_config[0].gcp_filestore_csi_driver_config[0].enabled
    error_message = "The volumes of the class in modules/files/gcp need its driver."
  }
}

run "pools" {
  assert {
    condition     = google_container_node_pool.this["training"].node_config[0].spot && !google_container_node_pool.this["system"].node_config[0].spot
    error_message = "Spot must be set per pool."
  }

  assert {
    condition     = google_container_node_pool.this["training"].node_config[0].taint[0].value == "training" && length(google_container_node_pool.this["system"].node_config[0].taint) == 0
    error_message = "A dedicated pool must be tainted with its name, and a shared one must not."
  }

  assert {
    condition     = google_container_node_pool.this["gpu"].node_config[0].guest_accelerator[0].type == "nvidia-l4"
    error_message = "The GPU pool needs its GPU."
  }
}

run "open_api_is_refused" {
  command = plan

  variables {
    api_client_cidrs = ["0.0.0.0/0"]
  }

  expect_failures = [var.api_client_cidrs]
}
