output "subnet_ids" {
  description = "Subnets by name: nodes, api, endpoints, database. They exist once egress works."
  value       = { for name, subnet in azurerm_subnet.this : name => subnet.id }
  depends_on = [
    azurerm_nat_gateway_public_ip_association.this,
    azurerm_subnet_nat_gateway_association.this,
    azurerm_subnet_network_security_group_association.this,
  ]
}

output "private_zone_ids" {
  description = "Private DNS zones by kind: blob, cache, database, files, kafka, registry, vault."
  value       = { for kind, zone in azurerm_private_dns_zone.this : kind => zone.id }
  depends_on  = [azurerm_private_dns_zone_virtual_network_link.this]
}

output "virtual_network_id" {
  description = "ID of the virtual network."
  value       = azurerm_virtual_network.this.id
}
