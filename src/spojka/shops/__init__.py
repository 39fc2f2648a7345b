"""Order sources: the contract, the registry, and one folder per shop platform."""
