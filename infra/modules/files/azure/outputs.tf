output "storage_class_name" {
  description = "StorageClass of volumes to which many pods write."
  value       = var.storage_class_name
}

# A new share belongs to root, but pods run as another user, so everyone who may mount a share can write to it. Depends on the
# endpoint and the role assignment, because a claim cannot be bound before they exist.
output "kubernetes_objects" {
  description = "Objects for `kubectl apply`: the StorageClass."
  value = [{
    apiVersion           = "storage.k8s.io/v1"
    kind                 = "StorageClass"
    metadata             = { name = var.storage_class_name }
    provisioner          = "file.csi.azure.com"
    reclaimPolicy        = var.keep_volumes ? "Retain" : "Delete"
    allowVolumeExpansion = true
    volumeBindingMode    = "Immediate"
    mountOptions         = ["nconnect=4", "noresvport"]
    parameters = {
      protocol         = "nfs"
      resourceGroup    = var.resource_group_name
      storageAccount   = azurerm_storage_account.this.name
      skuName          = "Premium_${var.replication_type}"
      storeAccountKey  = "false"
      mountPermissions = "0777"
    }
  }]
  depends_on = [azurerm_private_endpoint.this, azurerm_role_assignment.cluster]
}
