# The bundled rules of the language; what a provider accepts is checked by `validate` with the provider itself.
plugin "terraform" {
  enabled = true
  preset  = "all"
}

# Outputs, variables and versions have their own files; data sources are next to the resources that use them.
rule "terraform_standard_module_structure" {
  enabled = true
}
