"""WHAT IS HERE: probes that describe this machine. `machine.probe_machine` joins them."""
