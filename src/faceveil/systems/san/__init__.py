"""SAN, ensembles of SANs and FlowSAN."""
