output "url" {
  description = "Address as REDIS_URL, without a user."
  value       = "rediss://${azurerm_managed_redis.this.hostname}:${azurerm_managed_redis.this.default_database[0].port}"
}

output "id" {
  description = "Id of the instance as its metrics carry it."
  value       = azurerm_managed_redis.this.id
}
