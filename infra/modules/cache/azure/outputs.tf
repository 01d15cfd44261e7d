output "url" {
  description = "Address as REDIS_URL, without a user."
  value       = "rediss://${azurerm_managed_redis.this.hostname}:${azurerm_managed_redis.this.default_database[0].port}"
}

output "id" {
  description = "ID of the instance in its metrics."
  value       = azurerm_managed_redis.this.id
}
