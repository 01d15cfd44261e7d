output "storage_class_name" {
  description = "StorageClass of volumes to which many pods write."
  value       = var.storage_class_name
}

output "kubernetes_objects" {
  description = "Objects for `kubectl apply`: the StorageClass and the class of backups."
  value       = [local.storage_class, local.backup_class]
}
