# The bundled rules for the language. `validate` checks the arguments of resources with the providers themselves.
plugin "terraform" {
  enabled = true
  preset  = "all"
}

# Outputs, variables and versions have their own files; data sources are next to the resources that use them.
rule "terraform_standard_module_structure" {
  enabled = true
}
