variables {
  storage_class_name  = "tripline-files"
  region              = "europe-west3"
  tier                = "enterprise"
  network_name        = "tripline-test"
  reserved_range_name = "tripline-test-managed-services"
  kms_key_id          = "projects/p/locations/l/keyRings/r/cryptoKeys/files"
  keep_volumes        = true
}

run "encrypted_and_private" {
  assert {
    condition     = output.kubernetes_objects[0].parameters["instance-encryption-kms-key"] == var.kms_key_id
    error_message = "Files must be encrypted with their own key."
  }

  assert {
    condition     = output.kubernetes_objects[0].parameters.network == "tripline-test" && output.kubernetes_objects[0].parameters["connect-mode"] == "PRIVATE_SERVICE_ACCESS" && output.kubernetes_objects[0].parameters["reserved-ip-range"] == "tripline-test-managed-services"
    error_message = "Without a network, the driver uses the project's default network; without the range, it creates its own peering."
  }

  assert {
    condition     = output.kubernetes_objects[0].metadata.name == output.storage_class_name && output.kubernetes_objects[0].reclaimPolicy == "Retain"
    error_message = "Files must outlive their claim if volumes are to be retained."
  }

  assert {
    condition     = output.kubernetes_objects[1].kind == "VolumeSnapshotClass" && output.kubernetes_objects[1].parameters.type == "backup" && output.kubernetes_objects[1].deletionPolicy == "Retain"
    error_message = "A snapshot must be a backup, so that it outlives the instance."
  }
}

run "basic_knows_no_key" {
  variables {
    tier = "standard"
  }

  assert {
    condition     = !contains(keys(output.kubernetes_objects[0].parameters), "instance-encryption-kms-key")
    error_message = "Filestore does not support a key for a basic instance."
  }
}

run "unknown_tier_is_refused" {
  command = plan

  variables {
    tier = "premium-plus"
  }

  expect_failures = [var.tier]
}
