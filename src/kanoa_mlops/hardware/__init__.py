"""WHAT IS HERE: probes that describe this machine."""
